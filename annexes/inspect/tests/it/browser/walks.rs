//! What a person does with the page.

use std::time::{Duration, Instant};

use serde_json::json;
use tidegate::{Draft, Store, StoreReader};
use tidegate_inspect::Inspector;

use super::driver::Browser;
use crate::client::Server;
use crate::story::{self, HOSTILE, Story};

/// A store on disk that a writer has open, and the inspector beside it as another process would be.
struct Shop {
    _folder: tempfile::TempDir,
    store: Store,
    story: Story,
    server: Server,
}

fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("shop");
    let store = Store::open(&directory).unwrap();
    let story = story::tell(&store).unwrap();
    let reader = StoreReader::open(&directory).unwrap();
    let server = Server::with(Inspector::new(reader).unwrap().name("shop").directory(&directory));
    Shop { _folder: folder, store, story, server }
}

fn browser(shop: &Shop, scheme: &str) -> Option<Browser> {
    let browser = Browser::start(scheme)?;
    browser.open(&shop.server.address);
    browser.ready();
    Some(browser)
}

#[test]
fn every_page_opens_in_light_and_dark() {
    let shop = shop();
    let story = &shop.story;
    for scheme in ["light", "dark"] {
        let Some(browser) = browser(&shop, scheme) else { return };
        let is_dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches", &json!([]));
        assert_eq!(is_dark, scheme == "dark");
        let flow = shop.store.view().unwrap().at(story.placed).unwrap().unwrap().correlation().first();
        let pages = [
            ("overview", "#/".to_owned(), "Newest"),
            ("events", "#/events".to_owned(), "Payload and tags"),
            ("event", format!("#/event/{}", story.refused), "Why it is in the log"),
            ("stream", "#/stream?scope=shop&entity=order-7".to_owned(), "Versions"),
            ("flow", format!("#/flow/{flow}"), "Critical path"),
            ("readers", "#/readers".to_owned(), "mailer"),
            ("proofs", format!("#/proofs?event={}", story.placed), "Yes."),
            ("upkeep", "#/upkeep".to_owned(), "Erased"),
            ("past", format!("#/event/{}?at={}", story.placed, story.placed), "None so far."),
        ];
        for (name, hash, text) in pages {
            browser.go(&hash);
            browser.sees("main", text);
            let still = "const text = document.body.innerText; return !/Drawing…|Counting/.test(text) && [...document.images].every((image) => image.complete)";
            browser
                .until("all of the page", |browser| (browser.run(still, &json!([])) == true).then_some(()));
            browser.picture(scheme, name);
            let wide = browser.run(
                "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
                &json!([]),
            );
            assert!(wide.as_i64() <= Some(0), "{name} is {wide} pixels wider than its window");
        }
        browser.logged_nothing_severe();
    }
}

/// The four questions that a person finds the answers to, each in the page alone, from its first view on.
#[test]
fn four_questions_are_answered_in_the_page() {
    let shop = shop();
    let Some(browser) = browser(&shop, "light") else { return };
    let start = Instant::now();

    // Why was the order refused?
    browser.follow("Events");
    browser.ready();
    browser.keys("[name=kind]", "order.refused");
    browser.click("[type=submit]");
    browser.until("the one event", |browser| {
        (browser.run("return document.querySelectorAll('tr[data-position]').length", &json!([])) == 1)
            .then_some(())
    });
    browser.click("tr[data-position] td:nth-child(3) a");
    browser.sees("main", "Why it is in the log");
    let said = browser.sees("main", "three chargebacks");
    assert!(said.contains("customer.blocked") && said.contains("selected 1 event then"), "{said}");

    // Which reader lags, and on what?
    browser.follow("Readers");
    let said = browser.sees("main", "mailer cursor");
    let mailer = said.lines().position(|line| line.starts_with("mailer cursor")).unwrap();
    let ledger = said.lines().position(|line| line.starts_with("ledger cursor")).unwrap();
    assert!(mailer < ledger, "the one that lags comes first:\n{said}");
    assert!(said.contains("550 no such user") && said.contains("up to date"), "{said}");

    // What did the order cause?
    browser.keys("[name=find]", &format!("{}\u{e007}", shop.story.placed));
    browser.sees("main", "What led to it, and what it led to");
    browser.sees("main", "payment.taken");
    browser.until("the effect in the picture", |browser| {
        let shown = "return [...document.querySelectorAll('svg .node')].some((node) => node.textContent.includes('payment.taken'))";
        (browser.run(shown, &json!([])) == true).then_some(())
    });
    browser.click("a[href*='#/flow/']");
    let said = browser.sees("main", "Critical path");
    assert!(said.contains("letter.written"), "{said}");

    // What did the store say then?
    let then = shop.story.placed.0;
    let at = "const range = document.getElementById('at'); range.value = arguments[0]; range.dispatchEvent(new Event('change'));";
    browser.go("#/stream?scope=shop&entity=order-7");
    browser.sees("h1", "2 versions");
    browser.run(at, &json!([then]));
    browser.sees("header", &format!("As of position {then}"));
    browser.sees("h1", "1 version");
    assert_eq!(browser.run("return location.hash.includes('at=')", &json!([])), true);
    browser.click("#now");
    browser.sees("h1", "2 versions");

    assert!(start.elapsed() < Duration::from_secs(240), "a minute each: {:?}", start.elapsed());
    browser.logged_nothing_severe();
}

#[test]
fn yesterday_at_noon_is_a_moment_that_the_page_goes_to() {
    let shop = shop();
    let Some(browser) = browser(&shop, "light") else { return };
    browser.go("#/events");
    let set = "const when = document.getElementById('when'); when.value = '2001-02-03T12:00:00'; when.dispatchEvent(new Event('change'));";
    browser.run(set, &json!([]));
    browser.sees("header", "As of position 0, before the first event");
    browser.sees("main", "No event matches.");
    browser.follow("Back to now");
    browser.sees("main", "order.refused");
    browser.logged_nothing_severe();
}

#[test]
fn an_event_appears_live_and_back_leads_back() {
    let shop = shop();
    let Some(browser) = browser(&shop, "light") else { return };
    browser.go("#/events?kind=alarm.*");
    browser.sees("main", "No event matches.");
    browser.click("#live");
    browser.until("the live button", |browser| {
        (browser.run("return document.getElementById('live').getAttribute('aria-pressed')", &json!([]))
            == "true")
            .then_some(())
    });
    shop.store.append(Draft::new(("shop", "door"), "alarm.raised").json_text(r#"{"loud":true}"#)).unwrap();
    shop.store.append(Draft::new(("shop", "door"), "order.placed")).unwrap();
    let said = browser.sees("#list", "alarm.raised");
    assert!(!said.contains("order.placed"), "the filter holds:\n{said}");
    let head = shop.store.frontier().visible.to_string();
    browser.sees("header output", &head);
    browser.click("tr[data-position] a");
    browser.sees("h1", "alarm.raised");
    browser.run("history.back()", &json!([]));
    browser.sees("h1", "Events");
    assert_eq!(browser.run("return location.hash", &json!([])), "#/events?kind=alarm.*");
    browser.logged_nothing_severe();
}

#[test]
fn hostile_content_stays_text() {
    let shop = shop();
    let Some(browser) = browser(&shop, "light") else { return };
    let position = shop.story.hostile;
    for hash in [format!("#/event/{position}"), "#/events".to_owned(), "#/".to_owned()] {
        browser.go(&hash);
        browser.sees("main", HOSTILE);
    }
    browser.go(&format!("#/stream?scope={0}&entity={0}", "%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D'harmed'%22%3E%3Cscript%3Edocument.title%3D'harmed'%3C%2Fscript%3E"));
    browser.sees("h1", HOSTILE);
    let harmed = "return document.title.includes('harmed') && !document.title.includes('<') || ({}).harmed !== undefined || document.querySelectorAll('main script, main img[src=x]').length > 0";
    assert_eq!(browser.run(harmed, &json!([])), false);
    browser.logged_nothing_severe();
}

#[test]
fn the_keyboard_reaches_everything() {
    let shop = shop();
    let Some(browser) = browser(&shop, "light") else { return };
    for (key, title) in [("2", "Events"), ("3", "Readers"), ("4", "Proofs"), ("5", "Upkeep")] {
        browser.keys("main", key);
        browser.sees("h1", title);
    }
    browser.keys("main", "/");
    assert_eq!(browser.run("return document.activeElement.name", &json!([])), "find");
    // What a screen reader says of each control.
    browser.go("#/events");
    let nameless = "return [...document.querySelectorAll('a, button, input')].filter((one) => !(one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).map((one) => one.outerHTML)";
    assert_eq!(browser.run(nameless, &json!([])), json!([]));
    let landmarks = "return ['header', 'main', 'nav[aria-label]', 'h1', 'table caption', 'th[scope]', '[aria-live]'].filter((one) => !document.querySelector(one))";
    assert_eq!(browser.run(landmarks, &json!([])), json!([]));
    browser.logged_nothing_severe();
}

#[test]
fn a_wrong_token_says_what_to_do() {
    let shop = shop();
    let Some(browser) = Browser::start("light") else { return };
    browser.open(&shop.server.address.replace(&shop.server.token, &"0".repeat(32)));
    browser.sees("main", "open the address that the program printed");
}
