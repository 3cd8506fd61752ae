"""CronJobs, with their volume, account and policy.

Training and sa-update are no jobs: their services are resident and know when it is night
(docs/decisions/0017-one-job.md).
"""

from collections.abc import Iterator
from typing import Final

from mailstack.deploy import places
from mailstack.deploy.kubernetes import containers, names, policies, volumes, workloads
from mailstack.deploy.plan import Plan
from mailstack.deploy.yaml_text import Object
from mailstack.topology.model import Job, Service

_DEADLINE_S: Final = 3600
"""For one run; a million documents take minutes."""
_CATCH_UP_S: Final = 6 * 3600
"""A cluster that was down at night makes up for it until then."""


def job(plan: Plan, job: Job) -> Iterator[Object]:
    """Yield everything that the job needs."""
    yield workloads.account(plan, job.name)
    if job.volume:
        yield names.object_(
            "v1",
            "PersistentVolumeClaim",
            job.name,
            plan,
            names.labels(plan, job.name),
            spec=volumes.claim_spec(plan, (job.volume,)),
        )
    yield _cron_job(plan, job)
    yield policies.policy(plan, job.name)


def _cron_job(plan: Plan, job: Job) -> Object:
    return names.object_(
        "batch/v1",
        "CronJob",
        job.name,
        plan,
        names.labels(plan, job.name),
        spec={
            "schedule": job.schedule,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": _CATCH_UP_S,
            "successfulJobsHistoryLimit": 1,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {
                    "backoffLimit": 3,
                    "activeDeadlineSeconds": _DEADLINE_S,
                    "template": _template(plan, job),
                }
            },
        },
    )


def _template(plan: Plan, job: Job) -> Object:
    service = plan.job_service(job)
    claim = {"name": "data", "persistentVolumeClaim": {"claimName": job.name}}
    claims = [claim] if job.volume else []
    secrets = [volumes.secrets(plan, service, job.name)] if service.secrets else []
    return {
        "metadata": {"labels": names.labels(plan, job.name)},
        "spec": {
            **workloads.pod_spec(plan, job.name, service),
            "restartPolicy": "OnFailure",
            "securityContext": workloads.pod_security((service,)),
            "containers": [_container(plan, job)],
            "volumes": [volumes.settings(), *volumes.scratch(_as_service(job)), *claims, *secrets],
        },
    }


def _as_service(job: Job) -> Service:
    """For what only depends on the name."""
    return Service(job.name, job.purpose)


def _container(plan: Plan, job: Job) -> Object:
    service = plan.job_service(job)
    data = [{"name": "data", "mountPath": places.data(job.name)}] if job.volume else []
    secrets = [volumes.secrets_mount(job.name)] if service.secrets else []
    return {
        "name": job.name,
        "image": plan.image(service.name),
        "imagePullPolicy": plan.settings.kubernetes.pull_policy,
        "command": list(job.command),
        "env": containers.environment(),
        "resources": containers.resources(plan, job.memory_mib),
        "securityContext": containers.security(service),
        "volumeMounts": [
            volumes.settings_mount(),
            *volumes.scratch_mounts(_as_service(job)),
            *data,
            *secrets,
        ],
    }
