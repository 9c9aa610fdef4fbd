//! A mail server that takes everything, and counts how often it was given which mail.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How often each mail arrived, by its `Message-ID`.
pub type Mails = HashMap<String, usize>;

/// The server. It listens until the program ends.
pub struct Mailbox {
    pub address: SocketAddr,
    mails: Arc<Mutex<Mails>>,
}

impl Mailbox {
    pub fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, mails) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Mails::new())));
        let shared = Arc::clone(&mails);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                // A client that goes away has been killed, most likely.
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, mails }
    }

    pub fn with<T>(&self, look: impl FnOnce(&Mails) -> T) -> T {
        look(&self.mails.lock().unwrap())
    }
}

fn serve(stream: TcpStream, mails: &Mutex<Mails>) -> std::io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut lines = BufReader::new(stream).lines();
    writer.write_all(b"220 mail.example\r\n")?;
    while let Some(line) = lines.next().transpose()? {
        if line != "DATA" {
            writer.write_all(b"250 OK\r\n")?;
            continue;
        }
        writer.write_all(b"354 go\r\n")?;
        let mut id = None;
        loop {
            let Some(line) = lines.next().transpose()? else { return Ok(()) };
            if line == "." {
                break;
            }
            id = id.or_else(|| line.strip_prefix("Message-ID: ").map(str::to_owned));
        }
        // It has the mail from here on, whether its answer arrives or not.
        *mails.lock().unwrap().entry(id.unwrap_or_default()).or_default() += 1;
        writer.write_all(b"250 taken\r\n")?;
    }
    Ok(())
}
