//! Builds the web app into `OUT_DIR`, in release or with `STUDYHALL_WEB=1`. Without npm the program
//! is built all the same, with a page that says how to get it.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to a build script through its environment"
)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Studyhall</title>\
<body><h1>Studyhall is running</h1><p>This build has no web app: install Node.js 20.19 or newer with npm, \
then build again with <code>cargo build --release</code>. The API works without it.</p></body></html>";

fn main() {
    for watched in [
        "clients/sdk/src",
        "clients/web/src",
        "clients/web/index.html",
        "clients/web/public",
        "clients/web/vite.config.ts",
        "clients/package-lock.json",
    ] {
        println!("cargo:rerun-if-changed={watched}");
    }
    println!("cargo:rerun-if-env-changed=STUDYHALL_WEB");
    println!("cargo:rerun-if-env-changed=PATH");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("web");
    fs::create_dir_all(&out).expect("OUT_DIR can be written");
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let wanted = match env::var("STUDYHALL_WEB").as_deref() {
        Ok("0") => false,
        Ok(_) => true,
        Err(_) => release,
    };
    let built = wanted && build(&out);
    if wanted && !built {
        println!(
            "cargo:warning=the web app was not built: npm is missing or failed (see above); \
                  the program serves a page that says so"
        );
    }
    if !built {
        fs::write(out.join("index.html"), PAGE).expect("OUT_DIR can be written");
    }
}

fn build(out: &Path) -> bool {
    npm(&["ci", "--no-audit", "--no-fund"], out) && npm(&["run", "build"], out)
}

fn npm(arguments: &[&str], out: &Path) -> bool {
    let status = Command::new("npm")
        .args(["--prefix", "clients"])
        .args(arguments)
        .env("STUDYHALL_WEB_OUT", out)
        .output();
    match status {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            for line in String::from_utf8_lossy(&output.stderr).lines().rev().take(5) {
                println!("cargo:warning=npm: {line}");
            }
            false
        }
        Err(error) => {
            println!("cargo:warning=npm: {error}");
            false
        }
    }
}
