// SPDX-License-Identifier: MIT

//! Judges the packets of a queue: `judge QUEUE COUNT`. What says "stop" is dropped, what says
//! "change" is changed, the rest goes on.

extern crate nfbind;

use nfbind::{Error, Options, Queue};

fn judge(packet: &mut nfbind::Packet) -> Result<(), Error> {
    let payload = packet.get_bytes(nfbind::PACKET_L4_PAYLOAD)?.unwrap_or(&[]).to_vec();
    println!("{} {}", packet.print(nfbind::PACKET_FORMAT_LINE)?, String::from_utf8_lossy(&payload));
    match payload.as_slice() {
        b"stop" => packet.verdict(nfbind::VERDICT_DROP)?,
        b"change" => {
            packet.set_bytes(nfbind::PACKET_L4_PAYLOAD, b"changed at length")?;
            packet.verdict(nfbind::VERDICT_ACCEPT)?
        }
        _ => packet.verdict(nfbind::VERDICT_ACCEPT)?,
    }
    let twice = packet.verdict(nfbind::VERDICT_DROP).unwrap_err();
    assert_eq!(twice.errno, nfbind::errno::EALREADY);
    Ok(())
}

fn run(number: u16, count: u32) -> Result<(), Error> {
    let mut options = Options::new()?;
    options.set_number(nfbind::OPTIONS_GSO, 0)?;
    let mut queue = Queue::new()?;
    queue.open(Some(&options))?;
    queue.bind(number, Some(&options))?;
    println!("ready");
    let mut seen = 0;
    while seen < count {
        let mut batch = match queue.receive(5000)? {
            Some(batch) => batch,
            None => return Ok(()),
        };
        for index in 0..batch.count() {
            judge(&mut batch.packet(index).unwrap())?;
            seen += 1;
        }
    }
    queue.close()
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let number = |n: usize| words.get(n).and_then(|w| w.parse().ok()).unwrap_or(0);
    if let Err(error) = run(number(1) as u16, number(2)) {
        eprintln!("judge: {error}");
        std::process::exit(1);
    }
}
