//! `GET /chancery/jobs`, `GET /chancery/jobs/{job_id}` and `POST /chancery/jobs/{job_id}/retry`

use chancery_agent::delivery;

use crate::failure::Failure;
use crate::operation::{Answer, Operation, command};
use crate::schema::{Field, Kind, Schema, boolean, integer, of, one_of, text};

const STATES: &[&str] = &["waiting", "calling", "failed", "done"];

static FILTERS: [Field; 4] = [
    one_of("state", STATES).about("Only jobs in this state"),
    text("name").about("Only jobs of this name").example("introduction"),
    integer("offset", Some((0, None))).about("Jobs to skip").default("0"),
    integer("limit", Some((1, Some(1000)))).about("Most results to return").default("100"),
];

static PATH: [Field; 1] =
    [text("job_id").about("The job's id").example("3fa85f64-5717-4562-b3fc-2c963f66afa6")];

static JOB: [Field; 12] = [
    text("job_id").about("Its id; where nobody keeps a record of it, the number of its row in the queue"),
    text("name").about("What kind of job it is"),
    one_of("state", STATES)
        .about("`calling`: it has called somebody, and what came of it is not known yet; `failed`: it is among the dead letters"),
    text("lane").about("Jobs of one lane run one after the other"),
    integer("attempts", None).about("How often it was tried since it last moved"),
    text("due").about("Not tried before this time"),
    text("last_error").about("Why its last try failed").nullable(),
    boolean("under_way").about("It is being tried now"),
    text("created").about("When it was asked for"),
    text("updated").about("When it last moved").nullable(),
    integer("dead_letter", None).about("Failed: the number of its dead letter"),
    of("answer", Kind::Json).about("Done: what came of it; kept for a day"),
];

static ANSWER: Schema = Schema { name: "Job", parts: &[&JOB], whole: None };

pub(super) static LIST: Operation = Operation::get("/chancery/jobs", super::TAG, |mut call| {
    Box::pin(async move {
        let which = call.command()?;
        let process = &*call.state.api.operations;
        delivery::jobs(call.agent(), &call.tenant, process, which).await.map_err(Failure::from)
    })
})
.summary("List what the agent still has to do, could not do, or has done")
.about(
    "What takes long or needs others is done after the call or message that it follows from. First what waits, in its order, then \
     what has failed, then what was done within a day. What it is about is not shown.",
)
.query(&[&FILTERS])
.answers(Answer::Results(&ANSWER));

pub(super) static GET: Operation = Operation::get("/chancery/jobs/{job_id}", super::TAG, |mut call| {
    Box::pin(async move {
        let which = call.command()?;
        let process = &*call.state.api.operations;
        delivery::job(call.agent(), &call.tenant, process, which).await.map_err(Failure::from)
    })
})
.summary("Fetch a job")
.path(&PATH)
.answers(Answer::One(&ANSWER));

pub(super) static RETRY: Operation =
    Operation::post("/chancery/jobs/{job_id}/retry", super::TAG, command!(delivery::retry_job))
        .summary("Try a job at once")
        .about(
            "One that waits is tried when its turn comes, whatever time it waits for; one that has failed begins anew, and its dead \
             letter leaves the list.",
        )
        .path(&PATH);
