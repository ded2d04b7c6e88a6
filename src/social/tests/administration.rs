//! Joining, roles, and what those do who run the network: one story per rule.

use super::*;
use crate::{
    domain::{Joining, Judgement, NetworkSetting, Post, Role, SecretCode, Standing},
    social::administration::{
        Administration, CodeHash, NewReport, OPERATOR, SignUp, StandingRecord,
    },
};

const DAY_MS: i64 = 24 * HOUR_MS;
const ANN: u64 = 1;
const BOB: u64 = 2;
const CAT: u64 = 3;

/// A network of ann, who owns it, and bob and cat; and how many requests there were.
struct Story {
    state: State,
    requests: u64,
    /// Whose password was replaced, how often.
    versions: [u32; 4],
}

impl Story {
    fn new() -> Self {
        let mut story = Self {
            state: State::with_users(&["ann", "bob", "cat"]),
            requests: 0,
            versions: [0; 4],
        };
        let begun = story.operator(begin("ann"));
        assert_eq!(begun, Reply::WithCode(true), "she has no password");
        story.versions[1] = 1;
        story
    }

    fn next(&mut self) -> RequestKey {
        self.requests += 1;
        request(1, self.requests)
    }

    fn context(&mut self, user: u64) -> Context {
        let version = self.versions[usize::try_from(user).unwrap()];
        Context { user: UserId(user), session: SessionRef::Unlisted(version), key: self.next() }
    }

    fn operator(&mut self, request: Administration) -> Reply {
        let context =
            Context { user: OPERATOR, session: SessionRef::Unlisted(0), key: self.next() };
        self.apply(Command::Administer { context, request }).0
    }

    fn by(&mut self, user: u64, request: Administration) -> Reply {
        let context = self.context(user);
        self.apply(Command::Administer { context, request }).0
    }

    fn apply(&mut self, command: Command) -> Outcome {
        self.state.apply(5, command)
    }

    fn publishes(&mut self, user: u64, words: &str) -> PostId {
        let context = self.context(user);
        match self.apply(Command::Publish { context, draft: Draft::of(text(words)) }).0 {
            Reply::Published { post, .. } => post,
            other => panic!("not published: {other:?}"),
        }
    }

    fn follows(&mut self, user: u64, target: &str) -> Reply {
        let context = self.context(user);
        self.apply(Command::Follow { context, target: name(target) }).0
    }

    fn is_moderator(&mut self, target: &str) {
        let role = Role::Moderator;
        assert_eq!(
            self.operator(Administration::SetRole { name: name(target), role }),
            Reply::Done
        );
    }

    fn standing(&self, user: u64) -> StandingRecord {
        self.state.view().standing(UserId(user)).unwrap()
    }

    fn sees(&self, reader: Option<u64>, post: PostId) -> bool {
        self.state.view().post(reader.map(UserId), post).unwrap().is_some()
    }

    fn local(&self, reader: u64) -> Vec<PostId> {
        let view = self.state.view();
        let page = view.local(Some(UserId(reader)), NEWEST, 9);
        whole_page(&view, page).unwrap().posts.iter().map(|post: &Post| post.id).collect()
    }

    fn log(&self) -> Vec<String> {
        let rows = self.state.view().logged(u64::MAX, 99).unwrap().rows;
        rows.into_iter().map(|(_, row)| row.what.name().to_owned()).rev().collect()
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        assert_eq!(self.state.damage(), [], "whatever was done agrees");
        let rows = self.state.dump();
        let restored = State::restored(&rows);
        assert_eq!(restored.every_row(), self.state.every_row(), "a dump has all of it");
    }
}

fn code(number: u8) -> SecretCode {
    SecretCode::of_random([number; 20])
}

fn code_hash() -> CodeHash {
    CodeHash { hash: "hash of a code".to_owned(), until: UnixMillis::new(DAY_MS) }
}

fn begin(owner: &str) -> Administration {
    let (owner, title, joining) = (name(owner), "Club".to_owned(), Joining::Open);
    Administration::Begin { owner, title, joining, code: code_hash() }
}

fn judge(target: &str, judgement: Judgement) -> Administration {
    Administration::Judge { name: name(target), judgement, why: "because".to_owned() }
}

fn joining(joining: Joining) -> Administration {
    Administration::Set(NetworkSetting::Joining(joining))
}

fn sign_up(text: &str, invitation: Option<SecretCode>) -> Command {
    let (password_hash, reason) = ("hash".to_owned(), "I know bob".to_owned());
    Command::SignUp(SignUp { name: name(text), password_hash, invitation, reason })
}

fn invite(code: SecretCode, uses: u32, until: Option<i64>) -> Administration {
    Administration::Invite { code, uses, until: until.map(UnixMillis::new) }
}

fn refusal(refusal: CommandRefusal) -> Reply {
    Reply::Refused(refusal)
}

#[test]
fn a_new_network_is_classic_and_takes_whoever_logs_in() {
    let state = State::with_users(&["ann"]);
    let settings = state.view().network_settings().unwrap();
    assert_eq!(settings.joining, Joining::Classic);
    assert_eq!(state.view().standing(UserId(ANN)).unwrap(), StandingRecord::default());
    assert!(!state.view().has_content().unwrap(), "nobody has made anything");
}

#[test]
fn the_first_owner_is_named_once_and_what_has_an_owner_is_not_abandoned() {
    let mut story = Story::new();
    assert_eq!(story.standing(ANN).role, Role::Owner);
    assert_eq!(story.standing(ANN).code_until, Some(UnixMillis::new(DAY_MS)));
    let settings = story.state.view().network_settings().unwrap();
    assert_eq!((settings.title.as_str(), settings.joining), ("Club", Joining::Open));
    assert_eq!(story.operator(begin("bob")), refusal(CommandRefusal::HasOwner));
    assert!(story.state.view().has_content().unwrap());
    assert_eq!(story.log(), ["init"], "what was refused is not logged");
}

#[test]
fn an_owner_who_has_a_password_keeps_it() {
    let state = State::with_users(&["ann"]);
    state.apply(1, set_password(context(ANN, request(1, 1)), Some("hers")));
    let context = Context { user: OPERATOR, session: SessionRef::Unlisted(0), key: opaque("k") };
    let command = Command::Administer { context, request: begin("ann") };
    assert_eq!(state.apply(2, command.clone()).0, Reply::WithCode(false));
    let account = state.view().account(UserId(ANN)).unwrap().unwrap();
    assert_eq!(account.password_hash.as_deref(), Some("hers"));
    // An operator's request is carried out once, like everybody's.
    assert_eq!(state.apply(3, command), (Reply::WithCode(false), vec![]));
}

#[test]
fn only_a_classic_network_takes_people_without_a_password() {
    let mut story = Story::new();
    let create = Command::CreateAccount { name: name("dan"), password_hash: None };
    assert_eq!(story.apply(create.clone()).0, refusal(CommandRefusal::PasswordNeeded));
    let no_password = Command::SetPassword { context: story.context(BOB), password_hash: None };
    assert_eq!(story.apply(no_password).0, refusal(CommandRefusal::PasswordNeeded));
    assert_eq!(story.operator(joining(Joining::Classic)), Reply::Done);
    assert!(matches!(story.apply(create).0, Reply::Account(account) if account.created));
}

#[test]
fn who_may_join_is_what_the_network_says() {
    let mut story = Story::new();
    assert!(matches!(story.apply(sign_up("dan", None)).0, Reply::Account(dan) if dan.created));
    assert!(matches!(story.apply(sign_up("dan", None)).0, Reply::Account(dan) if !dan.created));
    assert_eq!(story.standing(4), StandingRecord::default());

    story.operator(joining(Joining::Closed));
    assert_eq!(story.apply(sign_up("eve", None)).0, refusal(CommandRefusal::JoiningClosed));

    story.operator(joining(Joining::Approval));
    assert!(matches!(story.apply(sign_up("eve", None)).0, Reply::Account(eve) if eve.created));
    assert_eq!(story.standing(5).standing, Standing::Pending);
    assert_eq!(story.standing(5).reason, "I know bob");
    let users = story.state.view().users(None, 9).unwrap().names;
    assert!(!users.contains(&name("eve")), "nobody sees her yet");
    assert_eq!(story.follows(BOB, "eve"), refusal(CommandRefusal::NoSuchUser));
    assert_eq!(story.operator(judge("eve", Judgement::Approve)), Reply::Done);
    assert_eq!(story.follows(BOB, "eve"), Reply::Done);
}

#[test]
fn an_invitation_is_accepted_so_often_and_so_long_and_no_longer() {
    let mut story = Story::new();
    story.operator(joining(Joining::Invite));
    assert_eq!(story.apply(sign_up("dan", None)).0, refusal(CommandRefusal::InvitationNeeded));
    let wrong = refusal(CommandRefusal::NoSuchInvitation);
    assert_eq!(story.apply(sign_up("dan", Some(code(1)))).0, wrong);
    assert_eq!(story.operator(invite(code(1), 1, None)), Reply::Done);
    assert!(
        matches!(story.apply(sign_up("dan", Some(code(1)))).0, Reply::Account(it) if it.created)
    );
    assert!(
        matches!(story.apply(sign_up("dan", Some(code(1)))).0, Reply::Account(it) if !it.created)
    );
    assert_eq!(story.apply(sign_up("eve", Some(code(1)))).0, wrong, "it was for one");
    assert_eq!(story.operator(invite(code(2), 9, Some(5))), Reply::Done);
    assert_eq!(story.apply(sign_up("eve", Some(code(2)))).0, wrong, "its time is over");
    assert_eq!(story.operator(invite(code(3), 9, None)), Reply::Done);
    assert_eq!(story.operator(Administration::Revoke { code: code(3) }), Reply::Done);
    assert_eq!(story.apply(sign_up("eve", Some(code(3)))).0, wrong, "it was taken back");
    // Whoever is invited needs nobody's approval.
    story.operator(joining(Joining::Approval));
    assert_eq!(story.operator(invite(code(4), 1, None)), Reply::Done);
    story.apply(sign_up("eve", Some(code(4))));
    assert_eq!(story.standing(5).standing, Standing::Active);
}

#[test]
fn who_is_suspended_is_logged_out_and_hidden_until_that_is_taken_back() {
    let mut story = Story::new();
    story.follows(CAT, "bob");
    let post = story.publishes(BOB, "hello");
    let context = Context { user: OPERATOR, session: SessionRef::Unlisted(0), key: story.next() };
    let request = judge("bob", Judgement::Suspend);
    let (reply, events) = story.apply(Command::Administer { context, request });
    assert_eq!(reply, Reply::Done);
    assert_eq!(events, [Event::SessionsEnded { user: UserId(BOB) }]);
    for reader in [None, Some(ANN), Some(CAT)] {
        assert!(!story.sees(reader, post), "{reader:?}");
    }
    assert_eq!(story.local(CAT), []);
    assert_eq!(story.state.view().person(Some(UserId(CAT)), UserId(BOB)).unwrap(), None);
    assert_eq!(story.state.view().search_people(Some(UserId(CAT)), "bob", 9).unwrap(), []);
    let context = story.context(BOB);
    let draft = Draft::of(text("still here"));
    let still = story.apply(Command::Publish { context, draft }).0;
    assert_eq!(still, refusal(CommandRefusal::SessionEnded));
    let again = story.operator(judge("bob", Judgement::Suspend));
    assert_eq!(again, refusal(CommandRefusal::DoesNotFit));
    assert_eq!(story.operator(judge("bob", Judgement::Unsuspend)), Reply::Done);
    assert!(story.sees(None, post));
    assert_eq!(story.local(CAT), [post]);
}

#[test]
fn whoever_was_silenced_is_so_again_when_a_suspension_is_taken_back() {
    use Judgement::{Silence, Suspend, Unsilence, Unsuspend};
    let mut story = Story::new();
    for (judgement, comes_of_it) in [
        (Silence, Standing::Silenced),
        (Suspend, Standing::Suspended),
        (Unsuspend, Standing::Silenced),
        (Unsilence, Standing::Active),
        (Suspend, Standing::Suspended),
        (Unsuspend, Standing::Active),
    ] {
        assert_eq!(story.operator(judge("bob", judgement)), Reply::Done);
        assert_eq!(story.standing(BOB).standing, comes_of_it, "{judgement:?}");
    }
}

#[test]
fn who_is_silenced_is_seen_by_followers_and_by_themselves() {
    let mut story = Story::new();
    story.follows(CAT, "bob");
    let post = story.publishes(BOB, "hello @ann");
    assert_eq!(story.operator(judge("bob", Judgement::Silence)), Reply::Done);
    for (reader, expected) in
        [(None, false), (Some(ANN), false), (Some(BOB), true), (Some(CAT), true)]
    {
        assert_eq!(story.sees(reader, post), expected, "{reader:?}");
    }
    assert_eq!(story.local(ANN), []);
    assert_eq!(story.local(CAT), [post]);
    let told = |story: &Story, user| {
        story.state.view().notifications(UserId(user), NEWEST, 9).unwrap().notifications.len()
    };
    let before = told(&story, ANN);
    story.follows(BOB, "ann");
    assert_eq!(told(&story, ANN), before, "she does not follow him");
    let crowd = |reader| {
        let view = story.state.view();
        let crowd = Crowd::Following(UserId(ANN));
        whole_crowd(&view, view.crowd(UserId(reader), crowd, None, 9)).names
    };
    assert_eq!((crowd(ANN), crowd(CAT)), (vec![], vec![name("bob")]));
    assert_eq!(story.operator(judge("bob", Judgement::Unsilence)), Reply::Done);
    assert!(story.sees(None, post));
}

#[test]
fn moderators_judge_users_and_nobody_above_them() {
    let mut story = Story::new();
    let not_allowed = refusal(CommandRefusal::NotAllowed);
    assert_eq!(story.by(BOB, judge("cat", Judgement::Silence)), not_allowed);
    assert_eq!(story.by(BOB, judge("nobody", Judgement::Silence)), not_allowed);
    story.is_moderator("bob");
    assert_eq!(story.by(BOB, judge("cat", Judgement::Silence)), Reply::Done);
    assert_eq!(story.by(BOB, judge("ann", Judgement::Silence)), not_allowed);
    assert_eq!(story.by(BOB, judge("bob", Judgement::Silence)), not_allowed);
    assert_eq!(story.by(BOB, joining(Joining::Closed)), not_allowed);
    let promote = |role| Administration::SetRole { name: name("cat"), role };
    assert_eq!(story.by(BOB, promote(Role::Owner)), not_allowed);
    assert_eq!(story.by(BOB, begin("bob")), not_allowed);
    assert_eq!(story.by(ANN, judge("bob", Judgement::Suspend)), Reply::Done);
    assert_eq!(story.log(), ["init", "role", "silence", "suspend"]);
}

#[test]
fn a_network_keeps_an_owner() {
    let mut story = Story::new();
    let demote = |of: &str| Administration::SetRole { name: name(of), role: Role::User };
    assert_eq!(story.operator(demote("ann")), refusal(CommandRefusal::LastOwner));
    let suspended = story.operator(judge("ann", Judgement::Suspend));
    assert_eq!(suspended, refusal(CommandRefusal::LastOwner));
    let role = Role::Owner;
    assert_eq!(story.by(ANN, Administration::SetRole { name: name("bob"), role }), Reply::Done);
    assert_eq!(story.by(BOB, demote("ann")), refusal(CommandRefusal::NotAllowed));
    assert_eq!(story.operator(demote("ann")), Reply::Done);
}

#[test]
fn a_moderator_deletes_a_post_of_a_user_and_of_nobody_else() {
    let mut story = Story::new();
    story.is_moderator("bob");
    let (of_ann, of_cat) = (story.publishes(ANN, "mine"), story.publishes(CAT, "spam"));
    let delete = |post| Administration::DeletePost { post, why: "spam".to_owned() };
    assert_eq!(story.by(CAT, delete(of_cat)), refusal(CommandRefusal::NotAllowed));
    assert_eq!(story.by(BOB, delete(of_ann)), refusal(CommandRefusal::NotAllowed));
    assert_eq!(story.by(BOB, delete(of_cat)), Reply::Done);
    assert_eq!(story.by(BOB, delete(of_cat)), refusal(CommandRefusal::NoSuchPost));
    assert!(!story.sees(Some(ANN), of_cat));
    let logged = story.state.view().logged(u64::MAX, 1).unwrap().rows.remove(0).1;
    assert_eq!((logged.by, logged.about), (UserId(BOB), Some(UserId(CAT))));
    assert_eq!((logged.number, logged.words.as_str()), (Some(of_cat.get()), "spam"));
}

#[test]
fn a_code_instead_of_a_password_ends_sessions_and_lasts_until_another_password_is_chosen() {
    let mut story = Story::new();
    let reset = Administration::ResetPassword { name: name("bob"), code: code_hash() };
    assert_eq!(story.by(ANN, reset), Reply::WithCode(true));
    assert_eq!(story.standing(BOB).code_until, Some(UnixMillis::new(DAY_MS)));
    let context = story.context(BOB);
    let ended = story.apply(set_password(context, Some("stolen session"))).0;
    assert_eq!(ended, refusal(CommandRefusal::SessionEnded));
    story.versions[2] = 1;
    let context = story.context(BOB);
    assert_eq!(story.apply(set_password(context, Some("his own"))).0, Reply::Done);
    assert_eq!(story.standing(BOB), StandingRecord::default());
}

#[test]
fn a_report_waits_until_somebody_says_what_has_come_of_it() {
    let mut story = Story::new();
    let post = story.publishes(BOB, "spam");
    let report = |about: &str, posts: &[PostId]| NewReport {
        about: name(about),
        posts: posts.to_vec(),
        comment: "spam".to_owned(),
    };
    let reports = |story: &mut Story, report| {
        let context = story.context(CAT);
        story.apply(Command::Report { context, report }).0
    };
    assert_eq!(reports(&mut story, report("cat", &[])), refusal(CommandRefusal::Oneself));
    assert_eq!(reports(&mut story, report("ann", &[post])), refusal(CommandRefusal::NoSuchPost));
    for number in 1..=10 {
        assert_eq!(reports(&mut story, report("bob", &[post])), Reply::Numbered(number));
    }
    let too_many = reports(&mut story, report("bob", &[]));
    assert_eq!(too_many, refusal(CommandRefusal::TooManyReports));
    let resolve = |report| Administration::Resolve { report, outcome: "deleted".to_owned() };
    assert_eq!(story.by(CAT, resolve(1)), refusal(CommandRefusal::NotAllowed));
    assert_eq!(story.by(ANN, resolve(1)), Reply::Done);
    assert_eq!(story.by(ANN, resolve(1)), refusal(CommandRefusal::ResolvedAlready));
    assert_eq!(story.by(ANN, resolve(99)), refusal(CommandRefusal::NoSuchReport));
    assert_eq!(reports(&mut story, report("bob", &[])), Reply::Numbered(11));
    let first = story.state.view().reports(2, 9).unwrap().rows.remove(0).1;
    let resolved = first.resolved.expect("resolved");
    assert_eq!((resolved.by, resolved.outcome.as_str()), (UserId(ANN), "deleted"));
}

#[test]
fn what_is_announced_can_be_taken_back() {
    let mut story = Story::new();
    let announce = |text: &str| Administration::Announce { text: text.to_owned() };
    assert_eq!(story.by(BOB, announce("party")), refusal(CommandRefusal::NotAllowed));
    assert_eq!(story.by(ANN, announce("one")), Reply::Numbered(1));
    assert_eq!(story.by(ANN, announce("two")), Reply::Numbered(2));
    assert_eq!(story.by(ANN, Administration::Retract { number: 1 }), Reply::Done);
    let again = story.by(ANN, Administration::Retract { number: 1 });
    assert_eq!(again, refusal(CommandRefusal::NoSuchAnnouncement));
    let left = story.state.view().announcements(9).unwrap().rows;
    assert_eq!(left.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2]);
}

#[test]
fn an_account_never_has_the_number_under_which_operators_are_remembered() {
    let state = State::with_users(&["ann"]);
    assert_eq!(state.view().account(OPERATOR).unwrap(), None);
    let forged = Command::Publish {
        context: Context { user: OPERATOR, session: SessionRef::Unlisted(0), key: opaque("k") },
        draft: Draft::of(text("as an operator")),
    };
    assert_eq!(state.apply(1, forged).0, refusal(CommandRefusal::NoSuchAccount));
}
