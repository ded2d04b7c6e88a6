//! The paths whose instructions are counted: what a post and a page cost, apart from the disk and the network.

use prost::Message as _;
use tinysns::{
    domain::{ClientId, Draft, Post, PostId, PostText, RequestKey, UnixMillis, UserId, UserName},
    envelope::SupportedVersions,
    grpc::messages,
    network::PostPage,
    replication::Batch,
    social::{Command, Context, Cursor, Graph, PageOfPosts, Stamped, State, sessions::SessionRef},
};

/// People in the state, each of whom follows those with the next numbers.
const PEOPLE: u64 = 200;
/// How many each follows.
const FOLLOWED: u64 = 20;
/// Posts and names on a page.
const PAGE: usize = 20;
/// Commands in an entry of the log.
const COMMANDS: u64 = 20;

/// A path, and how to run it.
#[derive(Clone, Copy)]
pub struct Path {
    /// What it does, as a test is called.
    pub name: &'static str,
    /// How often it is run to be counted: all together take some hundred million instructions.
    pub times: u64,
    run: fn(u64),
}

impl Path {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        [
            Self { name: "apply_twenty_posts", times: 100, run: apply },
            Self { name: "apply_twenty_posts_of_one_client", times: 100, run: apply_of_one },
            Self { name: "encode_and_decode_an_entry", times: 1_000, run: encode_entry },
            Self { name: "read_a_page_of_home", times: 300, run: read_home },
            Self { name: "read_a_page_of_names", times: 1_000, run: read_names },
            Self { name: "encode_a_page_of_posts", times: 2_000, run: encode_page },
        ]
        .into_iter()
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|path| path.name == name)
    }

    /// Runs it so often.
    pub fn run(self, times: u64) {
        (self.run)(times);
    }
}

/// People who follow and post.
struct Network {
    state: State,
    sequence: u64,
}

impl Network {
    fn new() -> Self {
        let mut network = Self { state: State::in_memory(), sequence: 0 };
        let accounts = (1..=PEOPLE)
            .map(|number| Command::CreateAccount { name: name(number), password_hash: None });
        network.apply(accounts.collect());
        for follower in 1..=PEOPLE {
            let targets = (1..=FOLLOWED).map(|step| name((follower + step) % PEOPLE + 1));
            let follows = targets
                .map(|target| Command::Follow { context: network.context(follower), target })
                .collect();
            network.apply(follows);
        }
        for _ in 0..PEOPLE / COMMANDS * 5 {
            let posts = network.posts();
            network.apply(posts);
        }
        network
    }

    fn context(&mut self, user: u64) -> Context {
        self.sequence += 1;
        let key = RequestKey::Counted {
            client: ClientId(user.into()),
            sequence: self.sequence,
            answered_below: self.sequence.saturating_sub(8),
        };
        Context { user: UserId(user), session: SessionRef::Unlisted(0), key }
    }

    /// The commands of an entry: a post of each of the next people.
    fn posts(&mut self) -> Vec<Command> {
        self.posts_of(|sequence| sequence % PEOPLE + 1)
    }

    /// The same by whom `author` says.
    fn posts_of(&mut self, author: impl Fn(u64) -> u64) -> Vec<Command> {
        let post = |_| {
            let context = self.context(author(self.sequence));
            let text = PostText::new(format!("{:<80}", self.sequence), 1_000).expect("valid");
            Command::Publish { context, draft: Draft::of(text) }
        };
        (0..COMMANDS).map(post).collect()
    }

    fn apply(&mut self, commands: Vec<Command>) {
        let change = self.state.begin();
        let mut graph = Graph::open(&change).expect("readable");
        for command in commands {
            let at = UnixMillis::new(i64::try_from(self.sequence).expect("few"));
            graph.apply(Stamped { at, command }).expect("readable");
        }
        change.commit();
    }
}

fn name(number: u64) -> UserName {
    UserName::new(format!("user-{number}")).expect("valid")
}

fn apply(times: u64) {
    let mut network = Network::new();
    for _ in 0..times {
        let posts = network.posts();
        network.apply(posts);
    }
}

/// One who has posted thousands of times since the last flush, all of which were answered.
fn apply_of_one(times: u64) {
    const BEFORE: u64 = 200;
    let mut network = Network::new();
    for _ in 0..BEFORE + times {
        let posts = network.posts_of(|_| 1);
        network.apply(posts);
    }
}

fn encode_entry(times: u64) {
    let posts = Network::new().posts();
    let stamped = |command| Stamped { at: UnixMillis::new(1), command };
    let commands: Vec<_> = posts.into_iter().map(stamped).collect();
    for _ in 0..times {
        let batch = Batch::new(&commands);
        batch.content(SupportedVersions::of_this_program()).expect("it was just encoded");
    }
}

fn read_home(times: u64) {
    let network = Network::new();
    for time in 0..times {
        let view = network.state.reader().view().expect("readable");
        let user = UserId(time % PEOPLE + 1);
        let mut page = view.followed(user, Cursor::Before(PostId::MAX), PAGE);
        let posts = loop {
            if let Some(PageOfPosts { posts, .. }) = view.read_on(&mut page).expect("readable").done
            {
                break posts;
            }
        };
        assert_eq!(posts.len(), PAGE);
    }
}

fn read_names(times: u64) {
    let network = Network::new();
    for time in 0..times {
        let view = network.state.reader().view().expect("readable");
        let page = view.following(UserId(time % PEOPLE + 1), None, PAGE).expect("readable");
        assert_eq!(page.names.len(), PAGE);
    }
}

fn encode_page(times: u64) {
    let post = |number| {
        let (posted_at, text) = (UnixMillis::new(1), format!("{number:<80}"));
        Post::plain(PostId::new(number), UserId(number), name(number), posted_at, text)
    };
    let posts: Vec<_> = (1..=PAGE as u64).map(post).collect();
    for _ in 0..times {
        let as_of = PostId::new(9);
        let page = PostPage { posts: posts.clone(), as_of, more: true, last: None };
        let bytes = messages::post_page_to_wire(page).encode_to_vec();
        assert!(bytes.len() > 80 * PAGE);
    }
}
