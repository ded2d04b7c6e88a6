//! Calls that a server does not serve: for servers that stand in for a real one, such as the one without
//! rules that benchmarks compare with.

/// In an implementation of `SocialService`: answers calls as unimplemented. It writes what `async_trait`
/// would make of such methods, which does not look into macros.
macro_rules! unserved {
    ($($method:ident($request:ident) -> $reply:ident;)*) => {$(
        fn $method<'life0, 'async_trait>(
            &'life0 self,
            _: tonic::Request<$crate::wire::v1::$request>,
        ) -> std::pin::Pin<
            Box<
                dyn Future<
                    Output = Result<tonic::Response<$crate::wire::v1::$reply>, tonic::Status>,
                > + Send + 'async_trait,
            >,
        >
        where
            'life0: 'async_trait,
            Self: 'async_trait,
        {
            let refused = tonic::Status::unimplemented("this is not served here");
            Box::pin(std::future::ready(Err(refused)))
        }
    )*};
}

pub(crate) use unserved;
