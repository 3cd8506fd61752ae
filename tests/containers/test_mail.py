"""The scenarios of tests/e2e, against containers: those of receiving and of senders.

Left out is what looks at processes and files of one machine; the other tests here have their own
way to it.
"""

import pytest
from tests.containers.scenarios import scenarios
from tests.e2e.receive import test_messages, test_recipients
from tests.e2e.submit import test_from_field, test_senders

pytestmark = pytest.mark.timeout(900)

globals().update(
    scenarios(
        test_recipients,
        test_messages,
        test_senders,
        test_from_field,
    )
)
