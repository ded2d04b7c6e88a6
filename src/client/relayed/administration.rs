//! Joining, reports, and the calls of those who run the network.

use super::Relayed;
use crate::{
    domain::RequestKey,
    grpc::messages::administration as messages,
    network::{
        Begins, Call, Refusal,
        administration::{
            About, AdminAnswer, AdminDone, AdminQuestion, AdminRequest, Administration, NewReport,
            SignUp, SignedUp,
        },
    },
    wire::v1::{AboutRequest, admin_service_client::AdminServiceClient},
};

impl Administration for Relayed {
    async fn about(&self, call: &Call) -> Result<About, Refusal> {
        let answered = ask_over!(AdminServiceClient, self, call, AboutRequest {}, about).await?;
        Ok(messages::about_from_wire(answered.reply))
    }

    async fn sign_up(
        &self,
        call: &Call,
        wanted: &SignUp,
        begins: &Begins,
    ) -> Result<SignedUp, Refusal> {
        let request = messages::sign_up_to_wire(wanted.clone(), begins.clone());
        let answered = ask_over!(AdminServiceClient, self, call, request, sign_up).await?;
        messages::signed_up_from_wire(answered.reply)
    }

    async fn report(
        &self,
        call: &Call,
        key: &RequestKey,
        report: &NewReport,
    ) -> Result<u64, Refusal> {
        let request = messages::report_to_wire(key, report.clone());
        Ok(ask_over!(AdminServiceClient, self, call, request, report).await?.reply.number)
    }

    async fn administer(
        &self,
        call: &Call,
        key: &RequestKey,
        request: &AdminRequest,
    ) -> Result<AdminDone, Refusal> {
        let request = messages::request_to_wire(key, request.clone());
        Ok(messages::done_from_wire(
            ask_over!(AdminServiceClient, self, call, request, administer).await?.reply,
        ))
    }

    async fn inspect(&self, call: &Call, question: &AdminQuestion) -> Result<AdminAnswer, Refusal> {
        let request = messages::question_to_wire(question.clone());
        messages::answer_from_wire(
            ask_over!(AdminServiceClient, self, call, request, inspect).await?.reply,
        )
    }
}
