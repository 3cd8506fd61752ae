"""The scenarios of tests/e2e, against containers: what mail does, from receiving to signatures.

Left out is what looks at processes and files of one machine; the other tests here have their own
way to it.
"""

import pytest
from tests.containers.scenarios import scenarios
from tests.e2e.names import test_names
from tests.e2e.names.test_names import keyring  # noqa: F401 - a fixture of its tests
from tests.e2e.policy import test_verdicts
from tests.e2e.receive import test_messages, test_recipients
from tests.e2e.spam import test_spam_preferences
from tests.e2e.submit import test_from_field, test_own_keys, test_scripts, test_senders

pytestmark = pytest.mark.timeout(900)

globals().update(
    scenarios(
        test_recipients,
        test_messages,
        test_senders,
        test_from_field,
        test_scripts,
        test_own_keys,
        test_spam_preferences,
        test_verdicts,
        test_names,
    )
)
