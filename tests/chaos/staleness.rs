//! Reads that did not show what had been acknowledged before they were asked for.

use tinysns::domain::PostId;

use crate::laboratory::{
    history::{History, Operation, OperationNumber, Outcome, Reply},
    violation::{Promise, Violation},
};

/// Every page of posts that is older than a post that was acknowledged before it was asked for.
pub fn check(history: &History) -> Vec<Violation> {
    let mut acknowledged: Vec<(usize, PostId, OperationNumber)> = Vec::new();
    for (number, recorded) in history.operations().iter().enumerate() {
        if let (
            Some((moment, Outcome::Done(Reply::Published { id, .. }))),
            Operation::Publish { .. },
        ) = (&recorded.returned, &recorded.operation)
        {
            acknowledged.push((moment.order, *id, OperationNumber(number)));
        }
    }
    acknowledged.sort_unstable();
    // From here on, the newest acknowledged by then.
    let mut newest: Option<(PostId, OperationNumber)> = None;
    for (_, id, number) in &mut acknowledged {
        match newest {
            Some((newest_id, newest_number)) if newest_id > *id => {
                (*id, *number) = (newest_id, newest_number);
            }
            _ => newest = Some((*id, *number)),
        }
    }
    let mut violations = Vec::new();
    for (number, recorded) in history.operations().iter().enumerate() {
        let Outcome::Done(Reply::Page(page)) = recorded.outcome() else { continue };
        let before = acknowledged.partition_point(|(order, ..)| *order < recorded.invoked.order);
        let Some((_, id, publish)) = before.checked_sub(1).map(|last| acknowledged[last]) else {
            continue;
        };
        if page.as_of < id {
            let what = format!("a page as of {}, though {id} was acknowledged before", page.as_of);
            let concerned = [publish, OperationNumber(number)];
            violations.push(Violation::of(Promise::Linearizable, concerned, what));
        }
    }
    violations
}
