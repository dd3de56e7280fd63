//! Notes, keys and checkpoints: what other implementations write, and what is refused.

use tidegate_format::{ErrorKind, Hash};
use tidegate_proof::limit::{KEY_NAME_BYTES_MAX, NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};
use tidegate_proof::tree::{SIZE_MAX, empty_root};
use tidegate_proof::{
    Checkpoint, Cosignature, KeyAlgorithm, SignedCheckpoint, SignedNote, SigningKey, VerifierKey,
    WitnessRequest,
};

const TEXT: &str =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
const SIGNING: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const VERIFIER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const SIGNATURE: &str =
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";

fn key(name: &str) -> SigningKey {
    SigningKey::new(name, KeyAlgorithm::Ed25519, [3; 32]).unwrap()
}

fn signed(text: &str) -> String {
    SignedNote::new(text, vec![key("a").sign(text).unwrap()]).unwrap().to_string()
}

/// The example of golang.org/x/mod/sumdb/note.
#[test]
fn the_note_of_go_is_made_and_checked() {
    let (signing, verifier): (SigningKey, VerifierKey) =
        (SIGNING.parse().unwrap(), VERIFIER.parse().unwrap());
    assert_eq!((signing.verifier(), signing.to_secret_text().as_str()), (&verifier, SIGNING));
    assert_eq!(verifier.to_string(), VERIFIER);
    let note = SignedNote::new(TEXT, vec![signing.sign(TEXT).unwrap()]).unwrap();
    assert_eq!(note.to_string(), format!("{TEXT}\n\u{2014} PeterNeumann {SIGNATURE}\n"));
    assert_eq!(note.to_string().parse::<SignedNote>().unwrap(), note);
    assert_eq!(note.verify([&verifier]).unwrap().len(), 1);
}

/// The example of the specification.
#[test]
fn the_note_of_c2sp_is_checked() {
    let key: VerifierKey =
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k".parse().unwrap();
    let note = "This is an example message.\n\n\u{2014} example.com/foo \
        Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
    note.parse::<SignedNote>().unwrap().verify([&key]).unwrap();
    let changed = note.replace("example message", "example massage").parse::<SignedNote>().unwrap();
    assert_eq!(changed.verify([&key]).unwrap_err().kind(), ErrorKind::Disproved);
}

/// A checkpoint of a Sigsum log, as the witness of FiloSottile/torchwood is asked to sign it in its tests.
#[test]
fn the_checkpoint_of_another_log_is_checked() {
    let origin = "sigsum.org/v1/tree/985ea163f5af026723561354f51f2ebcdcf2af809ce254ccfb64aa9aadd80f90";
    let text = format!(
        "old 0\n\n{origin}\n1\nKgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\u{2014} {origin} \
         7BKT0gOfNZ1J0So9unY3BZtm2YkPIoNYM/dce0Z2avJDs8dxN6ts9bOSwwrVrbjm6P9K3ZxpK6jJngOG6YvGGzV/lwo=\n"
    );
    let key = format!("{origin}+ec1293d2+AVLAXtrRv1/v+oE1T6rlmmVdmpoaeT7S9iw5wmwL4q7N").parse().unwrap();
    let request: WitnessRequest = text.parse().unwrap();
    assert_eq!(request.to_string(), text);
    request.checkpoint().note().verify([&key]).unwrap();
}

/// No cosignature with its key was found published. This one was made with OpenSSL from the text of the specification and
/// the seed 00 01 .. 1f.
#[test]
fn a_cosignature_of_openssl_is_checked_and_made() {
    let mut seed = [0; 32];
    (0..).zip(&mut seed).for_each(|(at, byte)| *byte = at);
    let key: VerifierKey =
        "witness.example/w1+e75f6532+BAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4".parse().unwrap();
    let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let line = "\u{2014} witness.example/w1 519lMgAAAABkGFDLBuRDazBLVac2NE+Y+IjbjQOcXLfF9CSDZVUIoS83rE1nFZsVE8YiWV6Ngr7lV8H6\
        bdoBQGP/l73euDMQ9k+bBQ==\n";
    let note: SignedNote = format!("{text}\n{line}").parse().unwrap();
    let found = note.verify([&key]).unwrap();
    assert_eq!(found[0].time, Some(1_679_315_147));
    let signing = SigningKey::new("witness.example/w1", KeyAlgorithm::Cosignature, seed).unwrap();
    assert_eq!(signing.verifier(), &key);
    assert_eq!(format!("{}\n", signing.cosign(text, 1_679_315_147).unwrap()), line);
    assert_eq!(signing.sign(text).unwrap_err().kind(), ErrorKind::Invalid);
    assert!(signing.cosign(text, 1 << 63).is_err());
}

#[test]
fn the_time_of_a_cosignature_is_under_it() {
    let key = SigningKey::new("w", KeyAlgorithm::Cosignature, [3; 32]).unwrap();
    let note = SignedNote::new("a\n", vec![key.cosign("a\n", 5).unwrap()]).unwrap();
    assert_eq!(Cosignature::read(&note.signatures()[0]).unwrap().time(), 5);
    let later = note.to_string().replace("AAAF", "AAAG");
    assert_ne!(later, note.to_string());
    let error = later.parse::<SignedNote>().unwrap().verify([key.verifier()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disproved);
}

#[test]
fn only_text_of_the_grammar_is_a_note() {
    let good = signed("a\n");
    assert!(good.parse::<SignedNote>().is_ok());
    let line = good.rsplit_once("\n\n").unwrap().1.trim_end();
    let dash = '\u{2014}';
    for wrong in [
        String::new(),
        "\n".to_owned(),
        "a\n".to_owned(),
        "a\n\n".to_owned(),
        format!("a\n{line}\n"),
        format!("a\n\n{line}"),
        format!("\n\n{line}\n"),
        format!("a\tb\n\n{line}\n"),
        format!("a\r\n\n{line}\n"),
        format!("a\u{1f}\n\n{line}\n"),
        format!("a\n\n{line}\nb\n"),
        format!("a\n\n{line} \n"),
        format!("a\n\n {line}\n"),
        format!("a\n\n{}\n", line.replacen(dash, "-", 1)),
        format!("a\n\n{}\n", line.replacen("a ", "a+b ", 1)),
        format!("a\n\n{}\n", line.replacen("a ", "a\u{a0} ", 1)),
        format!("a\n\n{}\n", line.replacen(" a ", "  ", 1)),
        format!("a\n\n{}\n", format_args!("{line}=")),
        format!("a\n\n{}\n", line.replace('=', "")),
        format!("a\n\n{dash} a AAAA\n"),
        format!("a\n\n{dash} a AAAAAA==\n"),
        format!("a\n\n{dash} a\n"),
    ] {
        assert_eq!(
            wrong.parse::<SignedNote>().map_err(|error| error.kind()),
            Err(ErrorKind::Invalid),
            "{wrong:?}"
        );
    }
    // The last empty line separates: those before it belong to the text.
    let text = "a\n\nb\n\n\n";
    assert_eq!(signed(text).parse::<SignedNote>().unwrap().text(), text);
}

#[test]
fn a_note_is_bounded() {
    let one = key("a").sign("a\n").unwrap();
    let note = |count: usize| SignedNote::new("a\n", vec![one.clone(); count]);
    assert_eq!(note(0).unwrap_err().kind(), ErrorKind::Invalid);
    let full = note(NOTE_SIGNATURES_MAX).unwrap();
    assert_eq!(full.to_string().parse::<SignedNote>().unwrap(), full);
    assert_eq!(note(NOTE_SIGNATURES_MAX + 1).unwrap_err().kind(), ErrorKind::Invalid);
    let line = full.to_string().lines().last().unwrap().to_owned();
    assert!(format!("{full}{line}\n").parse::<SignedNote>().is_err());
    let long = format!("{}\n", "a".repeat(NOTE_BYTES_MAX));
    assert!(SignedNote::new(&long, vec![one]).is_err());
    assert!(signed("a\n").replacen('a', &long, 1).parse::<SignedNote>().is_err());
}

#[test]
fn unknown_keys_are_ignored_and_wrong_signatures_of_known_ones_are_not() {
    let [first, second] = [key("a"), SigningKey::new("a", KeyAlgorithm::Ed25519, [4; 32]).unwrap()];
    let note = SignedNote::new("a\n", vec![first.sign("a\n").unwrap(), second.sign("a\n").unwrap()]).unwrap();
    let names = |keys: &[&VerifierKey]| {
        note.verify(keys.iter().copied())
            .map(|found| found.iter().map(|one| one.key.id()).collect::<Vec<_>>())
    };
    assert_eq!(names(&[first.verifier()]).unwrap(), [first.verifier().id()]);
    assert_eq!(names(&[second.verifier(), first.verifier()]).unwrap().len(), 2);
    assert_eq!(names(&[key("b").verifier()]).unwrap_err().kind(), ErrorKind::Disproved);
    assert_eq!(names(&[]).unwrap_err().kind(), ErrorKind::Disproved);
    let mut wrong = note.clone();
    wrong.add(second.sign("b\n").unwrap()).unwrap();
    assert_eq!(wrong.signatures().len(), 2);
    assert!(wrong.verify([first.verifier()]).is_ok());
    let error = wrong.verify([first.verifier(), second.verifier()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Disproved);
}

#[test]
fn signatures_with_ml_dsa_are_kept_and_count_for_nothing() {
    let key = VerifierKey::new("pq.example", KeyAlgorithm::MlDsa44, &[5; 1312]).unwrap();
    assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
    let mut bytes = key.id().to_be_bytes().to_vec();
    bytes.resize(4 + 8 + 2420, 6);
    let line = format!("\u{2014} pq.example {}\n", base64(&bytes));
    let note: SignedNote = format!("{}{line}", signed("a\n")).parse().unwrap();
    assert_eq!(note.to_string(), format!("{}{line}", signed("a\n")));
    let log = self::key("a");
    assert_eq!(note.verify([&key, log.verifier()]).unwrap().len(), 1);
    assert_eq!(note.verify([&key]).unwrap_err().kind(), ErrorKind::Disproved);
    assert!(key.verify("a\n", &note.signatures()[1]).is_err());
    assert!(SigningKey::new("pq.example", KeyAlgorithm::MlDsa44, [0; 32]).is_err());
}

/// Base64 without the crate's own.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let number =
            (0..3).fold(0, |number, at| number << 8 | usize::from(three.get(at).copied().unwrap_or(0)));
        let digits = (0..4).map(|at| DIGITS[number >> (18 - 6 * at) & 63]).take(three.len() + 1);
        text.extend(digits.map(char::from));
        text.push_str(&"=".repeat(3 - three.len()));
    }
    text
}

#[test]
fn only_keys_of_the_grammar_are_read() {
    let id_of_another = VERIFIER.replacen("c74f20a3", "c74f20a4", 1);
    for wrong in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        &VERIFIER[1..],
        &VERIFIER.replacen("c74f20a3", "C74F20A3", 1),
        &VERIFIER.replacen("c74f20a3", "0c74f20a3", 1),
        &id_of_another,
        &VERIFIER.replacen("+AR", "+Ag", 1),
        &format!("{VERIFIER}="),
        &format!("{VERIFIER} "),
        &VERIFIER.replacen("PeterNeumann", "Peter Neumann", 1),
        &format!("a+00000000+{}", "A".repeat(5000)),
    ] {
        assert_eq!(
            wrong.parse::<VerifierKey>().map_err(|error| error.kind()),
            Err(ErrorKind::Invalid),
            "{wrong}"
        );
    }
    // The identity is a point of small order: everyone can sign for it.
    let mut weak = [0; 32];
    weak[0] = 1;
    assert!(VerifierKey::new("a", KeyAlgorithm::Ed25519, &weak).is_err());
    for name in ["", "a b", "a+b", "a\u{2003}b", "a\nb", &"a".repeat(KEY_NAME_BYTES_MAX + 1)] {
        assert!(SigningKey::new(name, KeyAlgorithm::Ed25519, [0; 32]).is_err(), "{name:?}");
    }
    assert!(SigningKey::new(&"a".repeat(KEY_NAME_BYTES_MAX), KeyAlgorithm::Ed25519, [0; 32]).is_ok());
}

#[test]
fn a_secret_is_not_shown() {
    let secret = SIGNING.rsplit('+').next().unwrap();
    let key: SigningKey = SIGNING.parse().unwrap();
    assert_eq!(format!("{key:?}"), "SigningKey(PeterNeumann+c74f20a3)");
    for wrong in [&SIGNING[1..], &SIGNING.replacen("c74f20a3", "c74f20a4", 1), &format!("{SIGNING}A")] {
        let error = wrong.parse::<SigningKey>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.to_string().contains(&secret[..8]), "{error}");
    }
}

#[test]
fn only_three_lines_are_a_checkpoint() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let good = format!("example.com/log\n7\n{root}\n");
    let read: Checkpoint = good.parse().unwrap();
    assert_eq!((read.origin(), read.size(), read.to_string()), ("example.com/log", 7, good.clone()));
    for wrong in [
        String::new(),
        "example.com/log\n7\n".to_owned(),
        good.trim_end().to_owned(),
        format!("{good}extension\n"),
        format!("{good}\n"),
        format!("\n7\n{root}\n"),
        format!("two words\n7\n{root}\n"),
        format!("a\n07\n{root}\n"),
        format!("a\n-7\n{root}\n"),
        format!("a\n{}\n{root}\n", SIZE_MAX + 1),
        format!("a\n0\n{root}\n"),
        format!("a\n7\n{}\n", &root[4..]),
        format!("a\n7\n{}J=\n", &root[..42]),
    ] {
        assert_eq!(
            wrong.parse::<Checkpoint>().map_err(|error| error.kind()),
            Err(ErrorKind::Invalid),
            "{wrong:?}"
        );
    }
    assert!(Checkpoint::new("a", 0, empty_root()).is_ok());
    assert!(Checkpoint::new("a", 1, Hash::ZERO).unwrap().sign(&key("b")).is_err());
    let note = signed(&good);
    assert_eq!(note.parse::<SignedCheckpoint>().unwrap().to_string(), note);
}
