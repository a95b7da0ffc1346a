"""Jobs, for admins: what ran, runs and failed; ordering a run, and ending one (``/api/v1/admin/jobs``)."""

from typing import Annotated

from pydantic import Field
from quart import Blueprint, g
from quart.typing import ResponseReturnValue

from blueprints.formats.job_models import JobRunAnswer, JobRunsPage, JobTicketAnswer, WholeRunAnswer
from blueprints.formats.jobs import format_job, format_run, format_ticket, format_whole_run
from middleware.auth_middleware import requires_role
from middleware.caller import caller
from middleware.context import services
from middleware.documentation import Answers, responses
from middleware.idempotency import answered, idempotent
from middleware.rate_limit import limit
from middleware.validation import RequestModel, json_body, query
from services.jobs.job import JobTicket, RunState
from services.tokens import BIGINT_MAX
from utils.accounts import Role
from utils.errors import InvalidRequest, NotFound
from utils.json_codec import decode_json

OF_RUNS = {404: ("unknown_run",)}

blueprint = Blueprint("jobs", __name__, url_prefix="/admin/jobs")

JobName = Annotated[str, Field(min_length=1, max_length=64)]


class RunsQuery(RequestModel):
    """``?job=backfill&state=failed&limit=50&cursor=120``; the cursor is the ``next`` of the page before."""

    job: JobName | None = None
    state: RunState | None = None
    skipped: bool = True
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[int, Field(ge=0, le=BIGINT_MAX)] | None = None


class OrderBody(RequestModel):
    """``{"job": "backfill"}``."""

    job: JobName


@blueprint.get("")
@requires_role(Role.ADMIN)
@limit("default")
@query(RunsQuery)
@responses(Answers(JobRunsPage), refuses={404: ("unknown_job",)})
async def get_jobs(query: RunsQuery) -> ResponseReturnValue:
    """Return runs of jobs, newest first, and the table of all jobs."""
    house = services()
    if query.job is not None:
        house.jobs.job(query.job)
    found = await house.jobs.runs(
        job=query.job,
        state=query.state,
        skipped=query.skipped,
        before_run_id=query.cursor,
        limit=query.limit + 1,
    )
    runs = found[: query.limit]
    now_ms = house.clock.now_ms()
    return {
        "runs": [format_run(run) for run in runs],
        "next": str(runs[-1].job_run_id) if len(found) > query.limit else None,
        "jobs": [format_job(job, now_ms) for job in house.jobs.table],
    }


@blueprint.get("/<int:run_id>")
@requires_role(Role.ADMIN)
@limit("default")
@responses(Answers(WholeRunAnswer), refuses=OF_RUNS)
async def get_job(run_id: int) -> ResponseReturnValue:
    """Return one run: how far it is, and each attempt at it."""
    jobs = services().jobs
    run = await jobs.find(_possible(run_id))
    return format_whole_run(run, decode_json(run.payload.encode()), await jobs.attempts(run_id))


@blueprint.post("/<int:run_id>/cancel")
@requires_role(Role.ADMIN)
@limit("default")
@idempotent
@responses(Answers(JobRunAnswer), refuses={**OF_RUNS, 409: ("job_ended",)})
async def post_cancel(run_id: int) -> ResponseReturnValue:
    """End a run: at once when it waits, within a few seconds when it goes on."""
    by = g.principal, caller()
    return format_run(await services().jobs.cancel(_possible(run_id), by=by, keep=answered(format_run)))


@blueprint.post("/run")
@requires_role(Role.ADMIN)
@limit("default")
@idempotent
@json_body(OrderBody)
@responses(Answers(JobTicketAnswer, status=202), refuses={404: ("unknown_job",)})
async def post_run(body: OrderBody) -> ResponseReturnValue:
    """Order a run of a job; while the same is open already, that is the answer."""
    jobs = services().jobs
    if not jobs.job(body.job).by_name:
        raise InvalidRequest(
            f"The job {body.job} has to be told more than its name. Order it at the address that it has."
        )
    by = g.principal, caller()
    return _ordered(await jobs.enqueue(body.job, by=by, keep=answered(_ordered)))


def _ordered(ticket: JobTicket) -> ResponseReturnValue:
    return format_ticket(ticket), 202


def _possible(run_id: int) -> int:
    if run_id > BIGINT_MAX:
        raise NotFound("There is no such run of a job. Ask for the list of jobs.", code="unknown_run")
    return run_id
