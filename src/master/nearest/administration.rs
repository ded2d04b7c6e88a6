//! What those ask who join the network or run it, as [`Nearest`] takes it to the available server.

use tokio::time::timeout;

use super::Nearest;
use crate::{
    client::ClientOptions,
    domain::RequestKey,
    network::{
        Advice, Begins, Call, Refusal,
        administration::{
            About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Administration, NewReport,
            SignUp, SignedUp,
        },
    },
};

impl Administration for Nearest {
    async fn about(&self, call: &Call) -> Result<About, Refusal> {
        nearest!(self.about(call))
    }

    async fn sign_up(
        &self,
        call: &Call,
        wanted: &SignUp,
        begins: &Begins,
    ) -> Result<SignedUp, Refusal> {
        nearest!(self.sign_up(call, wanted, begins))
    }

    async fn report(
        &self,
        call: &Call,
        key: &RequestKey,
        report: &NewReport,
    ) -> Result<u64, Refusal> {
        nearest!(self.report(call, key, report))
    }

    async fn administer(
        &self,
        call: &Call,
        key: &RequestKey,
        request: &AdminRequest,
    ) -> Result<AdminDone, Refusal> {
        nearest!(self.administer(call, key, request))
    }

    async fn inspect(&self, call: &Call, question: &AdminQuestion) -> Result<AdminAnswer, Refusal> {
        nearest!(self.inspect(call, question))
    }
}
