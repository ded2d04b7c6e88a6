//! Commands in, words out; and the timeline, where lines are posts and posts are lines.

use std::{future::Future, io, pin::Pin, process::ExitCode};

use chrono::Local;

use super::{
    UNAVAILABLE,
    command::{self, Command, TimelineLine},
    completion::Names,
    fullscreen,
    input::{Input, Line, Prompt},
    sanitise,
    screen::Screen,
    words,
};
use crate::client::{Client, ClientError, Cursor, ListKind, Page, Published, Subscription};

/// Ended by Ctrl-C, as shells count it: 128 and the number of SIGINT.
const INTERRUPTED: u8 = 130;
/// Something that was entered is not acceptable: `EX_DATAERR` of sysexits.h.
const UNACCEPTABLE: u8 = 65;
/// As many posts as the classic server sends.
const FIRST_POSTS: u32 = 20;

/// One user, talking.
pub struct Conversation {
    pub client: Client,
    pub input: Input,
    pub screen: Screen,
    pub names: Names,
    /// True where the input is an editor, which prints prompts itself, and whose end only ends the
    /// timeline when it comes there.
    pub is_edited: bool,
    /// True where the timeline may have the whole screen.
    pub is_full_screen: bool,
}

/// What comes after the timeline.
enum Next {
    Command,
    Exit(ExitCode),
}

type Publishing = Pin<Box<dyn Future<Output = Result<Published, ClientError>> + Send>>;

impl Conversation {
    /// Goes on until the input ends. Fails only where the input or output does.
    pub async fn hold(mut self) -> io::Result<ExitCode> {
        self.screen.say(words::BANNER)?;
        let mut code = ExitCode::SUCCESS;
        loop {
            if !self.is_edited {
                self.screen.say(words::PROMPT)?;
            }
            self.input.ask(Prompt::Command);
            let command = match self.input.read().await? {
                Line::Text(line) => command::parse(&line),
                Line::End => Command::Quit,
                Line::Interrupted => return Ok(ExitCode::from(INTERRUPTED)),
            };
            let outcome = match command {
                Command::Follow(name) => self.client.follow(&name).await,
                Command::Unfollow(name) => self.client.unfollow(&name).await,
                Command::List => match self.list().await {
                    Ok(words) => {
                        self.screen.say(&format!("{}{words}", words::SUCCESS))?;
                        continue;
                    }
                    Err(error) => Err(error),
                },
                Command::Timeline => match self.open_timeline().await {
                    Ok((page, subscription)) => match self.timeline(page, subscription).await? {
                        Next::Command => continue,
                        Next::Exit(with) => {
                            return Ok(if with == ExitCode::SUCCESS { code } else { with });
                        }
                    },
                    Err(error) => Err(error),
                },
                Command::Quit => {
                    self.screen.say("\n")?;
                    return Ok(code);
                }
                Command::Nothing => continue,
                Command::Invalid => {
                    self.screen.say(words::INVALID_COMMAND)?;
                    continue;
                }
            };
            self.screen.say(words::status(&outcome))?;
            if let (Err(error), Some(explanation)) = (&outcome, words::explanation(&outcome)) {
                self.screen.notice(explanation + "\n").await;
                code = exit_code(error);
            }
        }
    }

    async fn list(&self) -> Result<String, ClientError> {
        let users = self.client.list(ListKind::Users).await?;
        let followers = self.client.list(ListKind::Followers).await?;
        let words = words::list(&users, &followers);
        self.names.learn(users);
        Ok(words)
    }

    async fn open_timeline(&self) -> Result<(Page, Subscription), ClientError> {
        let page = self.client.timeline(Cursor::Newest, FIRST_POSTS).await?;
        let subscription = self.client.subscribe(Some(page.as_of)).await?;
        Ok((page, subscription))
    }

    /// One post of ours is under way at a time, so that they keep their order; others' posts are
    /// shown meanwhile. The next line is taken only then, so at the end of the input everything is
    /// acknowledged.
    async fn timeline(&mut self, page: Page, subscription: Subscription) -> io::Result<Next> {
        self.screen.say(words::SUCCESS)?;
        self.screen.say(words::IN_TIMELINE)?;
        if self.is_full_screen {
            let _quiet = self.screen.leave();
            return Ok(match fullscreen::run(&self.client, &page, subscription).await? {
                fullscreen::End::Left => Next::Command,
                fullscreen::End::Interrupted => Next::Exit(ExitCode::from(INTERRUPTED)),
            });
        }
        for post in &page.posts {
            self.screen.say(&words::post(post, &Local))?;
        }
        let mut others = Some(subscription);
        let mut publishing: Option<Publishing> = None;
        let mut code = ExitCode::SUCCESS;
        loop {
            self.input.ask(Prompt::Post);
            tokio::select! {
                published = poll_some(&mut publishing) => {
                    publishing = None;
                    if let Err(error) = published {
                        self.screen.notice(words::not_posted(&error)).await;
                        code = exit_code(&error);
                    }
                }
                post = next(&mut others) => match post {
                    Ok(post) => self.screen.interject(words::post(&post, &Local)).await?,
                    Err(error) => {
                        others = None;
                        let why = sanitise::line(&error.to_string());
                        self.screen.notice(format!("no more live posts: {why}\n")).await;
                    }
                },
                line = self.input.read(), if publishing.is_none() => match line? {
                    Line::Text(line) => match command::parse_in_timeline(&line) {
                        TimelineLine::Post(text) => {
                            let client = self.client.clone();
                            publishing = Some(Box::pin(async move { client.publish(&text).await }));
                        }
                        TimelineLine::Quit => return Ok(Next::Command),
                        TimelineLine::Nothing => {}
                    },
                    Line::End if self.is_edited => return Ok(Next::Command),
                    Line::End => return Ok(Next::Exit(code)),
                    Line::Interrupted => return Ok(Next::Exit(ExitCode::from(INTERRUPTED))),
                },
            }
        }
    }
}

/// What a script is told of something that was not done.
fn exit_code(error: &ClientError) -> ExitCode {
    ExitCode::from(if matches!(error, ClientError::Refused { .. }) {
        UNACCEPTABLE
    } else {
        UNAVAILABLE
    })
}

/// Waits for ever where nothing is under way.
async fn poll_some(publishing: &mut Option<Publishing>) -> Result<Published, ClientError> {
    match publishing {
        Some(publishing) => publishing.await,
        None => std::future::pending().await,
    }
}

/// The next live post; waits for ever once there are no more.
async fn next(others: &mut Option<Subscription>) -> Result<crate::client::Post, ClientError> {
    match others {
        Some(subscription) => match subscription.next().await {
            Some(post) => post,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read, Write};

    use tokio::sync::watch;
    use tonic::Code;

    use super::*;
    use crate::{
        client::{
            ClientOptions,
            tests::{
                fake::{Behaviour, Network, Node},
                soon,
            },
        },
        terminal::screen::Notices,
    };

    /// What was printed, and a bell for each time.
    #[derive(Clone, Default)]
    struct Paper {
        text: watch::Sender<String>,
    }

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let words = String::from_utf8(bytes.to_vec()).expect("whole characters");
            self.text.send_modify(|text| text.push_str(&words));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Paper {
        async fn until_it_says(&self, words: &str) {
            let mut text = self.text.subscribe();
            soon(text.wait_for(|text| text.contains(words))).await.expect("the paper lies there");
        }
    }

    async fn start(network: &Network) -> (Node, Node, Client) {
        let [router, server] = ["router", "server-1"].map(|name| network.start(name));
        router.name_available(&server, 1, &[&server]);
        let client = Client::connect(ClientOptions::new(router.address())).expect("an address");
        soon(client.log_in("u1", None)).await.expect("logged in");
        (router, server, client)
    }

    fn piped(client: Client, source: impl Read + Send + 'static) -> (Conversation, Paper) {
        let paper = Paper::default();
        let conversation = Conversation {
            client,
            input: Input::plain(BufReader::new(source)),
            screen: Screen::new(Box::new(paper.clone()), Notices::plain()),
            names: Names::default(),
            is_edited: false,
            is_full_screen: false,
        };
        (conversation, paper)
    }

    #[tokio::test]
    async fn a_piped_conversation_reads_like_the_classic_one() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let script: &[u8] = b"LIST \nfollow u2\nfollow\n\nnonsense\n";
        let (conversation, paper) = piped(client, script);
        let code = soon(conversation.hold()).await.expect("read and written");
        assert_eq!(code, ExitCode::SUCCESS);
        let expected = format!(
            "{}Cmd> Command completed successfully\nAll users: a, b, c, d, e, \n\
             Followers: a, b, c, d, e, \n\
             Cmd> Command completed successfully\n\
             Cmd> Command failed with invalid command\n\
             Cmd> Cmd> Command failed with invalid command\n\
             Cmd> \n",
            words::BANNER
        );
        assert_eq!(*paper.text.borrow(), expected);
    }

    #[tokio::test]
    async fn a_refused_command_has_its_status_line_and_the_conversation_goes_on() {
        let network = Network::default();
        let (_router, server, client) = start(&network).await;
        server.behave(Behaviour::Refuse(Code::AlreadyExists));
        let (conversation, paper) = piped(client, &b"FOLLOW u1\nLIST\n"[..]);
        let code = soon(conversation.hold()).await.expect("read and written");
        assert_eq!(code, ExitCode::SUCCESS);
        let said = paper.text.borrow();
        assert!(said.contains("Cmd> Input username already exists, command failed\nCmd> Command"));
    }

    #[tokio::test]
    async fn the_end_of_the_input_comes_after_the_last_acknowledgement() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let long = "x".repeat(5_000);
        let script = format!("TIMELINE\nfirst \n\n{long}\n/quit\nTIMELINE\nlast");
        let (conversation, paper) = piped(client, io::Cursor::new(script));
        soon(conversation.hold()).await.expect("read and written");
        assert_eq!(network.texts(), ["first", &long, "last"]);
        let said = paper.text.borrow();
        assert_eq!(said.matches("Now you are in the timeline\n").count(), 2);
    }

    #[tokio::test]
    async fn live_posts_are_shown_once_and_harmlessly_while_the_input_is_open() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        network.post("before");
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let (conversation, paper) = piped(client, reader);
        let held = tokio::spawn(conversation.hold());
        writer.write_all(b"TIMELINE\n").expect("written");
        paper.until_it_says("Now you are in the timeline").await;
        network.post("\u{1b}[2Jlive");
        paper.until_it_says(") >> \u{fffd}[2Jlive\n").await;
        drop(writer);
        soon(held).await.expect("no panic").expect("read and written");
        assert!(!paper.text.borrow().contains("before"), "the fake's timelines are empty");
        assert_eq!(paper.text.borrow().matches("live").count(), 1);
    }

    #[tokio::test]
    async fn a_refused_post_is_told_and_shows_in_the_exit_code() {
        let network = Network::default();
        let (_router, server, client) = start(&network).await;
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let (conversation, paper) = piped(client, reader);
        let held = tokio::spawn(conversation.hold());
        writer.write_all(b"TIMELINE\n").expect("written");
        paper.until_it_says("Now you are in the timeline").await;
        soon(network.until_streaming("server-1")).await;
        server.behave(Behaviour::Refuse(Code::InvalidArgument));
        writer.write_all(b"a post\n").expect("written");
        drop(writer);
        let code = soon(held).await.expect("no panic").expect("read and written");
        assert_eq!(code, ExitCode::from(UNACCEPTABLE));
        assert_eq!(network.texts(), Vec::<String>::new());
    }

    /// Output that nobody reads any more.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn closed_output_ends_the_conversation() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let (mut conversation, _paper) = piped(client, &b"LIST\n"[..]);
        conversation.screen = Screen::new(Box::new(Closed), Notices::plain());
        let error = soon(conversation.hold()).await.expect_err("closed");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
