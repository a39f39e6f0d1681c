//! Password hashes: argon2id on a bounded pool, and the refusal of weak passwords.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use studyhall_schema::clock::Clock;
use tokio::sync::Semaphore;

use crate::fault::Fault;

/// OWASP's parameters: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;

/// What a password was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It fits.
    Right,
    /// It fits a hash that is weaker than today's: hash it again.
    RightButWeak,
    /// It does not fit.
    Wrong,
}

/// The pool. A burst waits in a queue; when that is full, people are told to come back.
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// A hash of nothing, so that an unknown e-mail address costs what a known one does.
    decoy: String,
    runs: Arc<AtomicU64>,
}

fn argon2() -> Result<Argon2<'static>, Fault> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None)
        .map_err(|error| Fault::Internal(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &str, salt: [u8; 16]) -> Result<String, Fault> {
    argon2()?
        .hash_password_with_salt(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Fault::Internal(error.to_string()))
}

fn verify(password: &str, stored: &str) -> Verdict {
    let Ok(parsed) = PasswordHash::new(stored) else { return Verdict::Wrong };
    if Argon2::default().verify_password(password.as_bytes(), &parsed).is_err() {
        return Verdict::Wrong;
    }
    let cost = |name: &str| parsed.params.get_decimal(name).unwrap_or(0);
    if cost("m") < MEMORY_KIB || cost("t") < PASSES {
        Verdict::RightButWeak
    } else {
        Verdict::Right
    }
}

fn salt(clock: &dyn Clock) -> [u8; 16] {
    let mut salt = [0; 16];
    clock.fill(&mut salt);
    salt
}

impl Passwords {
    pub(crate) fn new(threads: usize, queue: usize, clock: &dyn Clock) -> Result<Self, Fault> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(threads.max(1))),
            places: Arc::new(Semaphore::new(threads.max(1) + queue)),
            decoy: hash("", salt(clock))?,
            runs: Arc::default(),
        })
    }

    /// How often argon2 ran.
    pub(crate) fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    /// Hashes a new password.
    pub(crate) async fn hash(&self, clock: &dyn Clock, password: String) -> Result<String, Fault> {
        let salt = salt(clock);
        self.run(move || hash(&password, salt)).await?
    }

    /// Compares with `stored`, or with the decoy when there is nobody: one argon2 call either way.
    pub(crate) async fn verify(
        &self,
        password: String,
        stored: Option<String>,
    ) -> Result<Verdict, Fault> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.clone());
        let verdict = self.run(move || verify(&password, &stored)).await?;
        Ok(if known { verdict } else { Verdict::Wrong })
    }

    /// The permits move into the thread: a request that is given up still holds its place until
    /// its argon2 call is over.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Fault::Unavailable)?;
        let turn = self.turns.clone().acquire_owned().await.map_err(|_| Fault::Unavailable)?;
        let runs = self.runs.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _held = (place, turn);
            runs.fetch_add(1, Ordering::Relaxed);
            work()
        });
        done.await.map_err(|error| Fault::Internal(error.to_string()))
    }

    /// Refuses passwords that are guessed early, or made of what everybody knows about a person.
    pub(crate) fn check(password: &str, about: &[&str]) -> Result<(), Fault> {
        let known: Vec<&str> = about.iter().copied().chain(["studyhall", "study"]).collect();
        let folded = password.to_lowercase();
        let is_context = known.iter().any(|word| folded == word.to_lowercase());
        if is_context || zxcvbn::zxcvbn(password, &known).score() < zxcvbn::Score::Two {
            return Err(Fault::Unacceptable {
                code: "weak-password",
                detail: "this password is guessed quickly: take a longer or stranger one",
            });
        }
        Ok(())
    }
}
