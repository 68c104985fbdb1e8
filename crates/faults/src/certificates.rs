//! An authority that signs one certificate: for 127.0.0.1, by hand, in the encoding of X.509 (RFC 5280).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No key could be drawn, or nothing signed with it.
    #[error("the system gives no random numbers for a key")]
    Key,
    /// The library of TLS does not take it.
    #[error("{0}")]
    Tls(#[from] rustls::Error),
}

/// An authority and a server's certificate that it signed.
pub(crate) struct Authority {
    pem: String,
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Authority {
    /// A new one, with keys of its own.
    pub fn new() -> Result<Self, CertificateError> {
        let random = SystemRandom::new();
        let draw = || {
            let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random)
                .map_err(|_| CertificateError::Key)?;
            let pair =
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &random)
                    .map_err(|_| CertificateError::Key)?;
            Ok::<_, CertificateError>((key.as_ref().to_vec(), pair))
        };
        let (_, authority) = draw()?;
        let (key, server) = draw()?;
        let signed = |subject: &str, number: u8, public: &[u8], extensions: &[Vec<u8>]| {
            let facts = facts(subject, number, public, extensions);
            let signature = authority
                .sign(&random, &facts)
                .map_err(|_| CertificateError::Key)?;
            let signature = bits(signature.as_ref());
            Ok::<_, CertificateError>(sequence(&[facts, signature_kind(), signature]))
        };
        let public = authority.public_key().as_ref();
        let root = signed(ISSUER, 1, public, &extensions_of_authority())?;
        let public = server.public_key().as_ref();
        let certificate = signed("127.0.0.1", 2, public, &extensions_of_server())?;
        Ok(Self {
            pem: pem(&root),
            certificate,
            key,
        })
    }

    /// The authority's own certificate as text.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// What takes connections with it.
    pub fn acceptor(&self) -> Result<TlsAcceptor, CertificateError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chain = vec![CertificateDer::from(self.certificate.clone())];
        let key = PrivatePkcs8KeyDer::from(self.key.clone());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key.into())?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// The name of the authority.
const ISSUER: &str = "An authority of a test";

fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    for line in text.as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// A value with its tag and its length.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.push(length as u8),
        0x80..0x100 => bytes.extend([0x81, length as u8]),
        _ => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(value);
    bytes
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tagged(0x30, &parts.concat())
}

/// A string of whole bytes as one of bits: none of the last byte's is unused.
fn bits(bytes: &[u8]) -> Vec<u8> {
    tagged(0x03, &[&[0], bytes].concat())
}

fn object(identifier: &[u8]) -> Vec<u8> {
    tagged(0x06, identifier)
}

/// ecdsa-with-SHA256.
fn signature_kind() -> Vec<u8> {
    sequence(&[object(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])])
}

/// A name that is a common name alone.
fn name(text: &str) -> Vec<u8> {
    let common = sequence(&[object(&[0x55, 0x04, 0x03]), tagged(0x0c, text.as_bytes())]);
    sequence(&[tagged(0x31, &common)])
}

/// What is signed.
fn facts(subject: &str, number: u8, public: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let version_3 = tagged(0xa0, &tagged(0x02, &[2]));
    let validity = sequence(&[
        tagged(0x17, b"200101000000Z"),
        tagged(0x17, b"491231235959Z"),
    ]);
    // id-ecPublicKey on prime256v1.
    let curve = sequence(&[
        object(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
        object(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    ]);
    sequence(&[
        version_3,
        tagged(0x02, &[number]),
        signature_kind(),
        name(ISSUER),
        validity,
        name(subject),
        sequence(&[curve, bits(public)]),
        tagged(0xa3, &sequence(extensions)),
    ])
}

/// An extension of the arc 2.5.29.
fn extension(last: u8, is_critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if is_critical {
        tagged(0x01, &[0xff])
    } else {
        Vec::new()
    };
    sequence(&[object(&[0x55, 0x1d, last]), critical, tagged(0x04, value)])
}

fn extensions_of_authority() -> [Vec<u8>; 2] {
    let is_authority = sequence(&[tagged(0x01, &[0xff])]);
    // The sixth bit of the key's uses: to sign certificates.
    let uses = tagged(0x03, &[2, 0x04]);
    [
        extension(19, true, &is_authority),
        extension(15, true, &uses),
    ]
}

fn extensions_of_server() -> [Vec<u8>; 2] {
    let names = sequence(&[tagged(0x87, &[127, 0, 0, 1]), tagged(0x82, b"localhost")]);
    let for_servers = sequence(&[object(&[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01])]);
    [
        extension(17, false, &names),
        extension(37, false, &for_servers),
    ]
}
