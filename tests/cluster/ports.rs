//! Ports for those whose port must be known beforehand and stay the same, as a router's.

use std::{
    io::{self, Read as _},
    net::{TcpListener, TcpStream},
};

/// The first of `count` ports in a row, each of which for a minute only those get who ask for it by
/// its number.
pub fn free_ports(count: u16) -> u16 {
    let are_free = |first: &u16| {
        (1..count).all(|next| first.checked_add(next).is_some_and(|port| reserve(port).is_ok()))
    };
    let mut firsts = (0..100).map(|_| reserve(0).expect("loopback has free ports"));
    firsts.find(are_free).expect("loopback has free ports in a row")
}

/// Leaves the end of a connection behind at `port`, or at any for 0. The system keeps it for a minute
/// (`TIME_WAIT`), and meanwhile gives the port to nobody who asks for any port.
fn reserve(port: u16) -> io::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", port))?;
    let address = listener.local_addr()?;
    let mut caller = TcpStream::connect(address)?;
    // Whoever closes first keeps the end of the connection.
    drop(listener.accept()?);
    caller.read_to_end(&mut Vec::new())?;
    Ok(address.port())
}
