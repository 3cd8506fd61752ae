"""Services: do all run, and with the configuration that their owner wrote?"""

from mailstack.doctor.context import Context, Found
from mailstack.findings import Finding


async def services(context: Context) -> Found:
    """Find services that are not healthy."""
    if context.status is None:
        return [
            Finding(
                "failure",
                "services",
                "the stack does not run",
                "no mail comes or goes",
                "mailstack up --detach",
            )
        ]
    ill = {n: s for n, s in context.status["services"].items() if s["state"] != "healthy"}
    if not ill:
        return [Finding("ok", "services", f"all {len(context.status['services'])} are healthy")]
    return [
        Finding(
            "failure",
            "services",
            f"{name} is {one['state']}" + (f": {one['reason']}" if one["reason"] else ""),
            "what needs it waits",
            context.log(name),
        )
        for name, one in ill.items()
    ]


async def overrides(context: Context) -> Found:
    """Find configurations that were refused, so that an older one is in force."""
    running = context.status["services"] if context.status else {}
    refused = {n: s["config"]["reason"] for n, s in running.items() if _refused(s["config"])}
    if not running:
        return [Finding("unknown", "config", "could not ask: the stack does not run")]
    if not refused:
        return [Finding("ok", "config", "every configuration is in force")]
    return [
        Finding(
            "failure",
            "config",
            f"{name} refuses its configuration: {reason}",
            "the one before it is still in force",
            f"mend the named line, or the files in {context.overrides(name)}",
        )
        for name, reason in refused.items()
    ]


def _refused(config: dict[str, str]) -> bool:
    return config["state"] == "refused"
