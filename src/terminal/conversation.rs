//! Reads commands and prints answers.

use std::{io, process::ExitCode};

use super::{
    completion::Names,
    input::{Input, Line, Prompt},
    output_format::{self, Output, OutputFormat},
    personal_life::Kept,
    prompt_command::{self, PromptCommand},
    report::{Answer, Failure, Report},
    screen::Screen,
    text,
    verb::Verb,
};
use crate::{
    client::{Client, ClientError, Cursor, FollowOutcome, ListKind, PostPage, Subscription},
    domain::FilterContext,
    host::clock,
    overview::output_size::OutputSize,
};

/// Ended by Ctrl-C: 128 plus the number of SIGINT, as shells count it.
pub const INTERRUPTED: u8 = 130;
/// As many posts as the classic server sends.
pub const FIRST_POSTS: u32 = 20;

/// The conversation of one user.
pub struct Conversation {
    pub client: Client,
    pub input: Input,
    pub screen: Screen,
    pub names: Names,
    pub kept: Kept,
    pub format: OutputFormat,
    /// True if the input is an editor, which prints prompts itself. Its end, in the timeline, only
    /// leaves the timeline.
    pub is_edited: bool,
    /// True if the timeline may fill the screen.
    pub is_full_screen: bool,
    /// True if every failure affects the exit code, even one that has a classic status line.
    pub is_strict: bool,
    /// The exit code: that of the last failure.
    pub code: ExitCode,
}

/// What happens after a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Command,
    /// The conversation ends normally.
    Quit,
    /// The input has ended early.
    End,
    /// By Ctrl-C.
    Interrupted,
}

impl Conversation {
    /// Runs until the input ends. Fails only if the input or output fails.
    pub async fn run(mut self) -> io::Result<ExitCode> {
        self.screen.say(self.format.opening())?;
        loop {
            if !self.is_edited {
                self.screen.say(self.format.prompt())?;
            }
            let next = match self.ask(Prompt::Command).await? {
                Line::Text(line) => self.execute(&line).await?,
                Line::NoText => {
                    self.tell(&Report { verb: None, outcome: Err(Failure::NoText) }).await?;
                    Next::Command
                }
                Line::End => Next::Quit,
                Line::Interrupted => Next::Interrupted,
            };
            match next {
                Next::Command => {}
                Next::Quit => {
                    self.screen.say(self.format.closing())?;
                    return Ok(self.code);
                }
                Next::End => return Ok(self.code),
                Next::Interrupted => return Ok(ExitCode::from(INTERRUPTED)),
            }
        }
    }

    /// Carries out one command only.
    pub async fn run_one(mut self, command: &str) -> io::Result<ExitCode> {
        match self.execute(command).await? {
            Next::Command | Next::Quit | Next::End => Ok(self.code),
            Next::Interrupted => Ok(ExitCode::from(INTERRUPTED)),
        }
    }

    async fn execute(&mut self, line: &str) -> io::Result<Next> {
        let (verb, outcome) = match prompt_command::parse(line) {
            PromptCommand::Nothing => return Ok(Next::Command),
            PromptCommand::Quit => return Ok(Next::Quit),
            PromptCommand::Timeline => match self.open_timeline().await {
                Ok((page, subscription)) => return self.timeline(page, subscription).await,
                Err(error) => (Verb::Timeline, Err(error.into())),
            },
            PromptCommand::Password => (Verb::Password, self.change_password().await?),
            PromptCommand::DeleteAccount(name) => {
                (Verb::DeleteAccount, self.delete_account(&name).await?)
            }
            PromptCommand::Follow(name) => (Verb::Follow, self.follow(&name).await),
            PromptCommand::Unfollow(name) => (Verb::Unfollow, self.unfollow(&name).await),
            PromptCommand::List => (Verb::List, self.list().await),
            // Boxed, because it would make the future of the whole conversation larger.
            PromptCommand::Social(command) => Box::pin(self.execute_social(command)).await,
            PromptCommand::Posts(name) => (Verb::Posts, self.posts(&name).await),
            PromptCommand::Following => (Verb::Following, self.following().await),
            PromptCommand::Whoami => (Verb::Whoami, Ok(self.me())),
            PromptCommand::Status => (Verb::Status, self.status().await),
            PromptCommand::Help(verb) => (Verb::Help, Ok(Answer::Help(verb))),
            PromptCommand::Invalid(mistake) => {
                let verb = mistake.verb();
                self.tell(&Report { verb, outcome: Err(mistake.into()) }).await?;
                return Ok(Next::Command);
            }
        };
        self.tell(&Report { verb: Some(verb), outcome }).await?;
        Ok(Next::Command)
    }

    /// The next line of the input.
    pub async fn ask(&mut self, prompt: Prompt) -> io::Result<Line> {
        self.input.ask(prompt);
        self.input.read().await
    }

    /// Prints the outcome of a command, while no line is being edited.
    pub async fn tell(&mut self, report: &Report) -> io::Result<()> {
        self.note(report);
        let Output { said, notice } = self.format.result(report);
        self.screen.say(&said)?;
        if let Some(number) = text::number(report).filter(|_| self.is_edited) {
            self.screen.say(&number)?;
        }
        if let Some(notice) = notice {
            self.screen.notice(notice).await;
        }
        Ok(())
    }

    /// Records the outcome of a command for the exit code.
    pub fn note(&mut self, report: &Report) {
        if let Some(code) = output_format::exit_code(report, self.is_strict) {
            self.code = ExitCode::from(code);
        }
    }

    async fn follow(&self, name: &str) -> Result<Answer, Failure> {
        let outcome = self.client.follow(name).await?;
        self.names.learn([name]);
        Ok(match outcome {
            FollowOutcome::Follows => Answer::Done,
            FollowOutcome::Requested => Answer::Requested,
        })
    }

    async fn unfollow(&self, name: &str) -> Result<Answer, Failure> {
        self.client.unfollow(name).await?;
        Ok(Answer::Done)
    }

    async fn list(&self) -> Result<Answer, Failure> {
        let users = self.client.list(&ListKind::Users).await?;
        let followers = self.client.list(&ListKind::Followers).await?;
        self.names.learn(&users);
        Ok(Answer::Lists { users, followers })
    }

    async fn posts(&mut self, name: &str) -> Result<Answer, Failure> {
        let page = self.client.posts(name, Cursor::Newest, Some(FIRST_POSTS)).await?;
        self.names.learn([name]);
        Ok(Answer::Posts(self.unfiltered(FilterContext::Account, page.posts).await?))
    }

    async fn following(&self) -> Result<Answer, Failure> {
        let names = self.client.list(&ListKind::Following).await?;
        self.names.learn(&names);
        Ok(Answer::Following(names))
    }

    fn me(&self) -> Answer {
        let active_server = self.client.active_server().borrow().clone();
        let (server, through) = active_server.map(|active| (active.server, active.through)).unzip();
        let through = through.flatten();
        Answer::Me { user: self.client.username(), server, through }
    }

    async fn status(&self) -> Result<Answer, Failure> {
        let status = self.client.cluster().await?;
        Ok(Answer::Cluster { status, now: clock::now(), room: OutputSize::on_output() })
    }

    async fn open_timeline(&mut self) -> Result<(PostPage, Subscription), ClientError> {
        let mut page = self.client.timeline(Cursor::Newest, Some(FIRST_POSTS)).await?;
        let subscription = self.client.subscribe(Some(page.as_of)).await?;
        self.names.learn(page.posts.iter().map(|post| &post.author));
        page.posts = self.unfiltered(FilterContext::Home, page.posts).await?;
        if self.is_full_screen {
            // Nothing is posted there but as they say.
            self.preferences().await?;
        }
        Ok((page, subscription))
    }
}

#[cfg(test)]
pub mod tests {
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
        terminal::{
            colour::Paint,
            output_format::{UNACCEPTABLE, UNAVAILABLE},
            screen::Notices,
        },
    };

    /// What was printed, and a notification each time.
    #[derive(Clone, Default)]
    pub struct Paper {
        pub text: watch::Sender<String>,
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
            soon(text.wait_for(|text| text.contains(words)))
                .await
                .expect("the output is still open");
        }
    }

    pub async fn start(network: &Network) -> (Node, Node, Client) {
        let [router, server] = ["router", "server-1"].map(|name| network.start(name));
        router.name_available(&server, 1, &[&server]);
        let client = Client::connect(ClientOptions::new(router.address())).expect("an address");
        soon(client.log_in("u1", None)).await.expect("logged in");
        (router, server, client)
    }

    pub fn piped(client: Client, source: impl Read + Send + 'static) -> (Conversation, Paper) {
        let paper = Paper::default();
        let conversation = Conversation {
            client,
            input: Input::plain(BufReader::new(source)),
            screen: Screen::new(Box::new(paper.clone()), Notices::plain()),
            names: Names::default(),
            kept: Kept::default(),
            format: OutputFormat::Text(Paint::default()),
            is_edited: false,
            is_full_screen: false,
            is_strict: false,
            code: ExitCode::SUCCESS,
        };
        (conversation, paper)
    }

    #[tokio::test]
    async fn a_piped_conversation_reads_like_the_classic_one() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let script: &[u8] = b"LIST \nfollow u2\nfollow\n\nnonsense\n";
        let (conversation, paper) = piped(client, script);
        let code = soon(conversation.run()).await.expect("read and written");
        assert_eq!(code, ExitCode::SUCCESS);
        let expected = format!(
            "{}Cmd> Command completed successfully\nAll users: a, b, c, d, e, \n\
             Followers: a, b, c, d, e, \n\
             Cmd> Command completed successfully\n\
             Cmd> Command failed with invalid command\n\
             Cmd> Cmd> Command failed with invalid command\n\
             Cmd> \n",
            text::BANNER
        );
        assert_eq!(*paper.text.borrow(), expected);
    }

    #[tokio::test]
    async fn a_line_that_is_no_text_is_not_guessed_at_and_the_conversation_goes_on() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let script = b"\xef\xbb\xbfWHOAMI\nPOST gr\xfcn\nTIMELINE\nroug\xe9\nbleu\n";
        let (conversation, paper) = piped(client, &script[..]);
        let code = soon(conversation.run()).await.expect("read and written");
        assert_eq!(code, ExitCode::from(UNACCEPTABLE));
        let said = paper.text.borrow().clone();
        assert!(said.contains("You are u1"), "{said}");
        assert!(said.contains(&format!("Cmd> {}Cmd> ", text::UNKNOWN_REASON)), "{said}");
        assert_eq!(network.texts(), ["bleu"]);
    }

    #[tokio::test]
    async fn a_refused_command_has_its_status_line_and_the_conversation_goes_on() {
        let network = Network::default();
        let (_router, server, client) = start(&network).await;
        server.behave(Behaviour::Refuse(Code::AlreadyExists));
        let (conversation, paper) = piped(client, &b"FOLLOW u1\nLIST\n"[..]);
        let code = soon(conversation.run()).await.expect("read and written");
        assert_eq!(code, ExitCode::SUCCESS);
        let said = paper.text.borrow();
        assert!(said.contains("Cmd> Input username already exists, command failed\nCmd> Command"));
    }

    /// Everything that `script` is answered in JSON, and the exit code.
    pub async fn in_json(client: Client, script: &'static str) -> (String, ExitCode) {
        let (mut conversation, paper) = piped(client, script.as_bytes());
        conversation.format = OutputFormat::Json;
        conversation.is_strict = true;
        let code = soon(conversation.run()).await.expect("read and written");
        let said = paper.text.borrow().clone();
        (said, code)
    }

    #[tokio::test]
    async fn new_commands_answer_after_the_same_status_line() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        network.post("of another");
        let script = "POST  hello \nPOSTS u1\nFOLLOWING\nWHOAMI\nHELP following\nquit\nLIST\n";
        let (conversation, paper) = piped(client, script.as_bytes());
        let code = soon(conversation.run()).await.expect("read and written");
        assert_eq!(code, ExitCode::SUCCESS);
        let said = paper.text.borrow().replacen(text::BANNER, "", 1);
        let answers: Vec<&str> = said.split("Cmd> ").skip(1).collect();
        let done = |words: &str| format!("{}{words}", text::SUCCESS);
        assert_eq!(answers[0], done(""));
        assert!(answers[1].starts_with(&done("u1(")), "{said}");
        assert!(answers[1].ends_with(") >> hello\n"), "{said}");
        assert_eq!(answers[2], done("Following: a, b, c, d, e, \n"));
        assert_eq!(answers[3], done("You are u1, on server-1\n"));
        assert!(
            answers[4].starts_with(&done("FOLLOWING: prints the people you follow.")),
            "{said}"
        );
        assert_eq!(answers[5..], ["\n"]);
    }

    #[tokio::test]
    async fn the_cluster_is_shown_as_the_router_sees_it() {
        let network = Network::default();
        let (router, _server, client) = start(&network).await;
        let (conversation, paper) = piped(client.clone(), &b"STATUS\n"[..]);
        soon(conversation.run()).await.expect("read and written");
        assert!(paper.text.borrow().contains("successfully\ncluster not bootstrapped yet"));
        router.kill();
        let (said, code) = in_json(client, "STATUS\n").await;
        assert!(said.contains("\"ok\":false,\"code\":\"ROUTER_UNREACHABLE\""), "{said}");
        assert_eq!(code, ExitCode::from(UNAVAILABLE));
    }

    #[tokio::test]
    async fn scripts_are_told_everything_in_json_and_nothing_else() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let script = "FOLLOW u2\n\nTIMELINE\nhello\n/quit\nPOSTS u1\nfolow u2\n";
        let (said, code) = in_json(client, script).await;
        let lines: Vec<&str> = said.lines().collect();
        let post = r#"{"type":"post","id":1,"author":"u1","posted_at_ms":0,"text":"hello"}"#;
        // The fake streams the user's own posts too, sooner or later.
        let lines: Vec<&str> = lines.into_iter().filter(|line| *line != post).collect();
        assert_eq!(
            lines,
            [
                r#"{"type":"result","command":"FOLLOW","ok":true}"#,
                r#"{"type":"result","command":"TIMELINE","ok":true,"posts":0}"#,
                r#"{"type":"result","command":"POST","ok":true,"id":1,"posted_at_ms":1}"#,
                r#"{"type":"result","command":"POSTS","ok":true,"posts":1}"#,
                r#"{"type":"result","command":"folow","ok":false,"code":"INVALID_COMMAND","message":"there is no command folow: did you mean FOLLOW?"}"#,
            ]
        );
        assert!(said.contains(post));
        assert_eq!(code, ExitCode::from(UNACCEPTABLE));
    }

    #[tokio::test]
    async fn one_command_is_obeyed_without_a_banner_and_no_other_is_read() {
        let network = Network::default();
        let (_router, server, client) = start(&network).await;
        let (conversation, paper) = piped(client.clone(), &b"POST another\n"[..]);
        let code = soon(conversation.run_one("post two\nlines")).await.expect("written");
        assert_eq!((code, paper.text.borrow().as_str()), (ExitCode::SUCCESS, text::SUCCESS));
        assert_eq!(network.texts(), ["two\nlines"]);
        server.behave(Behaviour::Refuse(Code::AlreadyExists));
        let (mut conversation, paper) = piped(client, io::empty());
        conversation.is_strict = true;
        let code = soon(conversation.run_one("FOLLOW u1")).await.expect("written");
        assert_eq!(code, ExitCode::from(UNACCEPTABLE));
        assert_eq!(*paper.text.borrow(), text::ALREADY_EXISTS);
    }

    #[tokio::test]
    async fn a_password_is_taken_from_the_lines_of_a_pipe() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let script = "PASSWORD\none\nPASSWORD\nwrong\ntwo\nPASSWORD\none\n two \r\nLIST\nPASSWORD";
        let (said, code) = in_json(client, script).await;
        let outcomes: Vec<bool> = said.lines().map(|line| line.contains("\"ok\":true")).collect();
        assert_eq!(outcomes, [true, false, true, true, false], "{said}");
        assert!(said.ends_with("\"INVALID_PASSWORD\",\"message\":\"no new password was given: nothing was changed\"}\n"), "{said}");
        assert_eq!(network.password(), " two ");
        assert_eq!(code, ExitCode::from(UNACCEPTABLE));
    }

    #[tokio::test]
    async fn the_end_of_the_input_comes_after_the_last_acknowledgement() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        let long = "x".repeat(5_000);
        let script = format!("TIMELINE\nfirst \n\n{long}\n/quit\nTIMELINE\nlast");
        let (conversation, paper) = piped(client, io::Cursor::new(script));
        soon(conversation.run()).await.expect("read and written");
        assert_eq!(network.texts(), ["first", &long, "last"]);
        let said = paper.text.borrow();
        assert_eq!(said.matches("Now you are in the timeline\n").count(), 2);
    }

    #[tokio::test]
    async fn a_command_that_is_typed_in_the_timeline_is_posted_only_when_entered_twice() {
        let script: &[u8] = b"TIMELINE\nLIST\nhello\nLIST\nLIST\nQUIT\n";
        let typed: &[&str] = &["hello", "LIST"];
        let piped_in: &[&str] = &["LIST", "hello", "LIST", "LIST", "QUIT"];
        for (is_edited, posts) in [(true, typed), (false, piped_in)] {
            let network = Network::default();
            let (_router, _server, client) = start(&network).await;
            let (mut conversation, _paper) = piped(client, script);
            conversation.is_edited = is_edited;
            soon(conversation.run()).await.expect("read and written");
            assert_eq!(network.texts(), posts);
        }
    }

    #[tokio::test]
    async fn live_posts_are_shown_once_and_harmlessly_while_the_input_is_open() {
        let network = Network::default();
        let (_router, _server, client) = start(&network).await;
        network.post("before");
        let (reader, mut writer) = io::pipe().expect("a pipe");
        let (conversation, paper) = piped(client, reader);
        let held = tokio::spawn(conversation.run());
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
        let held = tokio::spawn(conversation.run());
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

    /// Output whose reader has gone.
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
        let error = soon(conversation.run()).await.expect_err("closed");
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
