//! Whether TLS is spoken where nobody says so.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConnection;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::verify;

/// How long a peer may think about the first words of a TLS connection. This is asked of this machine only.
const PATIENCE: Duration = Duration::from_secs(5);

/// True unless whoever listens at an address answers the beginning of a TLS connection with something that is no
/// TLS: as servers of plain http do, which cannot read it. One that says nothing is not taken for such. The
/// connection is ended with that answer, and no certificates are read.
///
/// # Errors
/// If there is no connection.
pub async fn speaks_tls(url: &Url) -> io::Result<bool> {
    /// The types of the records that a server may begin with.
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let mut stream = TcpStream::connect((host, url.port_or_known_default().unwrap_or(443))).await?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let config = verify::config(Vec::new(), None).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut hello = Vec::new();
    connection.write_tls(&mut hello)?;
    let mut first = [0];
    let answered = async {
        stream.write_all(&hello).await?;
        stream.read(&mut first).await
    };
    match timeout(PATIENCE, answered).await {
        Ok(Ok(1)) => Ok(matches!(first[0], ALERT | HANDSHAKE)),
        _ => Ok(true),
    }
}
