//! What a failed handshake means for the operator.

use std::{error, io};

use rustls::{CertificateError, Error};

/// What the operator must mend, where a TLS fault does not pass by itself.
pub fn remedy(error: &Error) -> Option<String> {
    use rustls::AlertDescription as Alert;
    Some(match error {
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "the server's certificate is not the one in `tls.pinned_sha256`; if it was renewed, pin the new one".to_owned()
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate is signed by an authority this machine does not know; give its certificate as `tls.ca_file`, \
             or pin the server's as `tls.pinned_sha256`"
                .to_owned()
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the server's certificate has expired; renew it, or pin it as `tls.pinned_sha256`".to_owned()
        }
        Error::InvalidCertificate(CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }) => {
            "the server's certificate is for another name than the one in `url`; use the certificate's name there, or pin the \
             certificate as `tls.pinned_sha256`"
                .to_owned()
        }
        Error::InvalidCertificate(problem) => format!(
            "the server's certificate is not accepted ({problem:?}); mend it, or pin it as `tls.pinned_sha256`"
        ),
        Error::AlertReceived(
            alert @ (Alert::AccessDenied
            | Alert::BadCertificate
            | Alert::CertificateExpired
            | Alert::CertificateRequired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::HandshakeFailure
            | Alert::ProtocolVersion
            | Alert::UnknownCA
            | Alert::UnsupportedCertificate),
        ) => format!(
            "the server refuses the TLS connection ({alert:?}); if it wants a client certificate, give one that it accepts as \
             `tls.client_certificate_file` and `tls.client_key_file`"
        ),
        Error::InvalidMessage(_) | Error::PeerIncompatible(_) | Error::PeerMisbehaved(_) => {
            format!("there is no usable TLS at this address ({error}); is the port right, and is it https?")
        }
        _ => return None,
    })
}

/// The TLS error below an HTTP error, also where it hides in an I/O error.
pub fn cause<'a>(error: &'a (dyn error::Error + 'static)) -> Option<&'a Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        next = match inner {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// All messages below an HTTP error, outermost first. Its own is left out: it holds the address, which says nothing the operator
/// does not know.
pub fn chain(error: &dyn error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let text = error.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = error.source();
    }
    if texts.is_empty() {
        "no reason given".to_owned()
    } else {
        texts.join(": ")
    }
}
