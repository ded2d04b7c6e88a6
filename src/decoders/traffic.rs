//! What nodes tell each other, as recorded messages: every version of the format has left some
//! (`tests/cluster/written`), and every later program has to understand them as they were meant.

use std::fmt::Debug;

use openraft::{
    EntryPayload,
    raft::{
        AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
    },
};
use prost::Message as _;
use serde::de::DeserializeOwned;
use tonic::metadata::{MetadataMap, MetadataValue};

use super::{choice, envelopes, messages, states};
use crate::{
    control::{Directive, wire::ReportDecoder},
    domain::NodeId,
    envelope::{self, Kind, SupportedVersions},
    node_auth::CALLER_KEY,
    replication::{
        Consensus,
        node_credentials::{self, Caller},
        snapshot::Header,
    },
    wire::internal::{self, peer_call::Call},
};

/// A kind of message between nodes.
pub struct Traffic {
    /// What it is called in a record.
    pub name: &'static str,
    /// Some of it, as this program sends it.
    pub sent: fn() -> Vec<Vec<u8>>,
    /// What it means, in words that name every field; or why it is not understood.
    pub understood: fn(&[u8]) -> Result<String, String>,
}

/// All kinds.
pub const TRAFFIC: [Traffic; 5] = [
    Traffic { name: "report", sent: messages::seeds_of_reports, understood: reports },
    Traffic { name: "directive", sent: messages::seeds_of_directives, understood: directive },
    Traffic { name: "peer-call", sent: messages::seeds_of_peer_calls, understood: peer_call },
    Traffic { name: "payload", sent: envelopes::between_nodes, understood: payload },
    Traffic { name: "snapshot", sent: states::seeds_of_snapshots, understood: states::understood },
];

fn words(value: &impl Debug) -> String {
    format!("{value:?}")
}

/// Two of a stream, the first of which is as long as the first byte says.
fn reports(bytes: &[u8]) -> Result<String, String> {
    let (length, bytes) = bytes.split_first().ok_or("empty")?;
    let (first, second) = bytes.split_at_checked((*length).into()).ok_or("too short")?;
    let mut decoder = ReportDecoder::default();
    let mut understood = Vec::new();
    for bytes in [first, second] {
        let wire = internal::MasterReport::decode(bytes).map_err(|error| error.to_string())?;
        let report = decoder.decode(wire).map_err(|error| words(&error))?;
        understood.push(report.ok_or("of an unknown kind")?);
    }
    Ok(words(&understood))
}

fn directive(bytes: &[u8]) -> Result<String, String> {
    let wire = internal::Directive::decode(bytes).map_err(|error| error.to_string())?;
    let directive = Directive::from_wire(wire).map_err(|error| words(&error))?;
    Ok(words(&directive.ok_or("of an unknown kind")?))
}

fn peer_call(bytes: &[u8]) -> Result<String, String> {
    fn message<M: prost::Message + Default + Debug>(bytes: &[u8]) -> Result<String, String> {
        M::decode(bytes).map(|message| words(&message)).map_err(|error| error.to_string())
    }
    let (kind, bytes) = choice(bytes, 6).ok_or("empty")?;
    match kind {
        0 => {
            let wire = internal::PeerCall::decode(bytes).map_err(|error| error.to_string())?;
            match wire.call.ok_or("of an unknown kind")? {
                Call::KnownAddresses(known) => {
                    let nodes = known.nodes.into_iter().map(node_credentials::from_wire);
                    Ok(words(&(known.process, nodes.collect::<Vec<_>>())))
                }
                other => Ok(words(&other)),
            }
        }
        1 => {
            let mut metadata = MetadataMap::new();
            metadata.insert_bin(CALLER_KEY, MetadataValue::from_bytes(bytes));
            Ok(words(&Caller::of(&metadata).ok_or("no caller")?))
        }
        2 => message::<internal::PeerAnswer>(bytes),
        3 => message::<internal::Pong>(bytes),
        4 => message::<internal::PreVoteAnswer>(bytes),
        _ => message::<internal::SnapshotChunk>(bytes),
    }
}

/// What is in an envelope within such a call or answer.
fn payload(sealed: &[u8]) -> Result<String, String> {
    fn open<T: DeserializeOwned>(kind: Kind, sealed: &[u8]) -> Result<T, String> {
        envelope::open(kind, sealed).map_err(|error| error.to_string())
    }
    let (kind, _) = envelope::peek(sealed).ok_or("no envelope")?;
    Ok(match kind {
        Kind::Append => {
            let call: AppendEntriesRequest<Consensus> = open(kind, sealed)?;
            let mut contents = Vec::new();
            for entry in &call.entries {
                if let EntryPayload::Normal(batch) = &entry.payload {
                    let content = batch.content(SupportedVersions::of_this_program());
                    contents.push(content.map_err(|error| error.to_string())?);
                }
            }
            words(&(call, contents))
        }
        Kind::Appended => words(&open::<AppendEntriesResponse<NodeId>>(kind, sealed)?),
        Kind::Ballot => words(&open::<VoteRequest<NodeId>>(kind, sealed)?),
        Kind::Voted => words(&open::<VoteResponse<NodeId>>(kind, sealed)?),
        Kind::SnapshotHeader => words(&open::<Header>(kind, sealed)?),
        Kind::Installed => words(&open::<SnapshotResponse<NodeId>>(kind, sealed)?),
        other => return Err(format!("{other} is not sent between nodes")),
    })
}
