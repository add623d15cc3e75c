"""What the workflow sandbox need not import again for every run: our frozen models and constants, and their library."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

PASSED_THROUGH = ("domain", "pydantic", "pydantic_core", "rfc8785", "yaml", "workflows.policies", "workflows.activity")


def workflow_runner() -> SandboxedWorkflowRunner:
    """The sandbox, with our pure modules passed through: about ten milliseconds less for each workflow start."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
