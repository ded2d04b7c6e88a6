"""The entities of the Mastodon API as its documentation has them, and whether what a server answers is one of them.

`check(kind, value)` fails if a key is missing that has to be there, if something is null that may not be, or if
something is of another kind. The names of kinds: s string, id a string of digits, h HTML, u an absolute URL, i integer,
b boolean, t moment, d day; `?` may be null, `~` may be missing, `[x]` is a list of x; a capital letter begins the name
of another entity, and `{}` is any object.
"""

import re

MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
DAY = re.compile(r"\d{4}-\d\d-\d\d$")

ENTITIES = {
    "Account": """id:id username:s acct:s display_name:s note:h url:u uri:u avatar:u avatar_static:u header:u header_static:u
        locked:b bot:b group:b fields:[Field] emojis:[Emoji] discoverable:b? indexable:b hide_collections:b? created_at:t
        last_status_at:d? followers_count:i following_count:i statuses_count:i roles:[{}] noindex:b?~ mute_expires_at:t?~
        source:Source~ role:Role~""",
    "Field": "name:s value:h verified_at:t?",
    "Source": """note:s fields:[Field] privacy:s sensitive:b language:s? follow_requests_count:i hide_collections:b?
        discoverable:b? indexable:b""",
    "Role": "id:s name:s color:s permissions:s highlighted:b",
    "Status": """id:id uri:s url:u? created_at:t account:Account content:h visibility:s sensitive:b spoiler_text:s
        media_attachments:[MediaAttachment] mentions:[Mention] tags:[StatusTag] emojis:[Emoji] reblogs_count:i
        favourites_count:i replies_count:i in_reply_to_id:id? in_reply_to_account_id:id? reblog:Status? poll:{}? card:{}?
        language:s? edited_at:t? favourited:b reblogged:b muted:b bookmarked:b pinned:b~ filtered:[FilterResult] text:s~""",
    "Mention": "id:id username:s url:u acct:s",
    "StatusTag": "name:s url:u",
    "StatusEdit": """content:h spoiler_text:s sensitive:b created_at:t account:Account media_attachments:[MediaAttachment]
        emojis:[Emoji]""",
    "StatusSource": "id:id text:s spoiler_text:s",
    "Context": "ancestors:[Status] descendants:[Status]",
    "MediaAttachment": "id:id type:s url:u? preview_url:u? remote_url:u? meta:{}? description:s? blurhash:s?",
    "Emoji": "shortcode:s url:u static_url:u visible_in_picker:b category:s?",
    "Relationship": """id:id following:b showing_reblogs:b notifying:b followed_by:b blocking:b blocked_by:b muting:b
        muting_notifications:b requested:b requested_by:b domain_blocking:b endorsed:b note:s""",
    "Notification": "id:id type:s created_at:t group_key:s account:Account status:Status~",
    "GroupedNotifications": "accounts:[Account] statuses:[Status] notification_groups:[Group]",
    "Group": """group_key:s notifications_count:i type:s most_recent_notification_id:i page_min_id:id~ page_max_id:id~
        latest_page_notification_at:t sample_account_ids:[id] status_id:id~""",
    "Tag": "id:s name:s url:u history:[TagDay] following:b~ featuring:b~",
    "TagDay": "day:id uses:id accounts:id",
    "Instance": """domain:s title:s version:s source_url:u description:s usage:{} thumbnail:{} icon:[{}] languages:[s]
        configuration:{} registrations:{} api_versions:{} contact:{} rules:[Rule]""",
    "InstanceV1": """uri:s title:s short_description:s description:s email:s version:s urls:{} stats:{} thumbnail:u?
        languages:[s] registrations:b approval_required:b invites_enabled:b configuration:{} contact_account:Account?
        rules:[Rule]""",
    "Rule": "id:id text:s hint:s",
    "Application": "id:id name:s website:u? scopes:[s] redirect_uris:[s] redirect_uri:s",
    "CredentialApplication": """id:id name:s website:u? scopes:[s] redirect_uris:[s] redirect_uri:s client_id:s
        client_secret:s client_secret_expires_at:i""",
    "Token": "access_token:s token_type:s scope:s created_at:i",
    "Search": "accounts:[Account] statuses:[Status] hashtags:[Tag]",
    "Markers": "home:Marker~ notifications:Marker~",
    "Marker": "last_read_id:s version:i updated_at:t",
    "Preferences": """posting:default:visibility:s posting:default:sensitive:b posting:default:language:s?
        reading:expand:media:s reading:expand:spoilers:b""",
    "Filter": """id:id title:s context:[s] expires_at:t? filter_action:s keywords:[FilterKeyword]
        statuses:[FilterStatus]""",
    "FilterKeyword": "id:id keyword:s whole_word:b",
    "FilterStatus": "id:id status_id:id",
    "FilterResult": "filter:Filter keyword_matches:[s]? status_matches:[id]?",
    "FilterV1": "id:id phrase:s context:[s] irreversible:b whole_word:b expires_at:t?",
    "List": "id:id title:s replies_policy:s exclusive:b",
    "Conversation": "id:id unread:b accounts:[Account] last_status:Status?",
    "Report": """id:id action_taken:b action_taken_at:t? category:s comment:s forwarded:b created_at:t status_ids:[id]?
        rule_ids:[s]? target_account:Account""",
    "Announcement": """id:id content:h starts_at:t? ends_at:t? all_day:b published_at:t updated_at:t read:b~ mentions:[{}]
        statuses:[{}] tags:[{}] emojis:[{}] reactions:[{}]""",
    "NotificationPolicy": """for_not_following:s for_not_followers:s for_new_accounts:s for_private_mentions:s
        for_limited_accounts:s summary:{}""",
    "Empty": "",
    "Count": "count:i",
    "Error": "error:s error_description:s~",
}

VISIBILITIES = ("public", "unlisted", "private", "direct")


def fields(entity):
    for word in ENTITIES[entity].split():
        name, kind = word.rsplit(":", 1)
        yield name, kind.rstrip("?~"), "?" in kind, kind.endswith("~")


def simple(kind, value):
    """Whether a value is of a kind that is no entity."""
    if kind == "b":
        return isinstance(value, bool)
    if kind == "i":
        return isinstance(value, int) and not isinstance(value, bool)
    if kind == "{}":
        return isinstance(value, dict)
    if not isinstance(value, str):
        return False
    if kind == "id":
        return value.isdigit() and (value == "0" or not value.startswith("0"))
    if kind == "u":
        return value.startswith(("http://", "https://"))
    if kind == "t":
        return bool(MOMENT.match(value))
    if kind == "d":
        return bool(DAY.match(value))
    if kind == "h":
        return value == "" or value.startswith("<p>") or "<p>" not in value
    return kind == "s"


def check(kind, value, where="answer"):
    """Fails unless the value is of that kind."""
    if kind.startswith("["):
        assert isinstance(value, list), f"{where}: no list: {value!r}"
        for at, one in enumerate(value):
            check(kind[1:-1], one, f"{where}[{at}]")
    elif kind[0].isupper():
        assert isinstance(value, dict), f"{where}: no {kind}: {value!r}"
        for name, of, nullable, optional in fields(kind):
            if name not in value:
                assert optional, f"{where}: {kind} without {name}"
            elif value[name] is None:
                assert nullable, f"{where}.{name} is null"
            else:
                check(of, value[name], f"{where}.{name}")
        if kind == "Status":
            assert value["visibility"] in VISIBILITIES, f"{where}: {value['visibility']}"
    else:
        assert simple(kind, value), f"{where}: not of the kind {kind}: {value!r}"
    return value
