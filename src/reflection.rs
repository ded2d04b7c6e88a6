//! gRPC reflection of the public API. What nodes say to each other is not described: strangers have no
//! use for it.

use tonic_reflection::server::{
    Builder,
    v1::{ServerReflection, ServerReflectionServer},
};

use crate::wire::PUBLIC_DESCRIPTORS;

/// The reflection service, for tools like grpcurl.
pub fn service() -> ServerReflectionServer<impl ServerReflection> {
    Builder::configure()
        .register_encoded_file_descriptor_set(PUBLIC_DESCRIPTORS)
        .build_v1()
        .expect("the descriptors were compiled with the program")
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;
    use tonic::{Code, Status, service::Routes};
    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };

    use super::*;
    use crate::{
        host::net::{self, Security},
        serving::{self, Served},
    };

    async fn ask(address: &str, question: MessageRequest) -> Result<MessageResponse, Status> {
        let channel = net::channel(address, &Security::InClear).expect("an address");
        let question =
            ServerReflectionRequest { host: String::new(), message_request: Some(question) };
        let mut answers = ServerReflectionClient::new(channel)
            .server_reflection_info(tokio_stream::once(question))
            .await
            .expect("it answers")
            .into_inner();
        let answer = answers.message().await?.expect("an answer");
        Ok(answer.message_response.expect("it says something"))
    }

    #[tokio::test]
    async fn strangers_are_told_of_the_public_services_alone() {
        let listener = net::listen("test", ([127, 0, 0, 1], 0).into()).await.expect("a free port");
        let address = format!("127.0.0.1:{}", listener.port());
        let served = Served::to_anybody(Routes::new(service()));
        tokio::spawn(serving::serve(listener, served, CancellationToken::new()));
        let listed = ask(&address, MessageRequest::ListServices(String::new())).await;
        let Ok(MessageResponse::ListServicesResponse(listed)) = listed else {
            panic!("{listed:?}")
        };
        let mut names: Vec<String> = listed.service.into_iter().map(|it| it.name).collect();
        names.sort_unstable();
        let expected = [
            "csce438.SNSService",
            "csce662.SNSService",
            "grpc.reflection.v1.ServerReflection",
            "tinysns.v1.AdminService",
            "tinysns.v1.AppService",
            "tinysns.v1.DirectoryService",
            "tinysns.v1.PictureService",
            "tinysns.v1.SocialService",
        ];
        assert_eq!(names, expected);
        for question in [
            MessageRequest::FileByFilename("tinysns/internal/v1/peer.proto".to_owned()),
            MessageRequest::FileContainingSymbol("tinysns.internal.v1.RegistryService".to_owned()),
        ] {
            let refused = ask(&address, question).await.expect_err("not described");
            assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
        }
        let public = MessageRequest::FileContainingSymbol("tinysns.v1.SocialService".to_owned());
        let answer = ask(&address, public).await;
        assert!(matches!(answer, Ok(MessageResponse::FileDescriptorResponse(_))), "{answer:?}");
    }
}
