//! Where an S3 is, from its URL.

use percent_encoding::percent_decode_str;
use url::Url;

use crate::{StoreError, files::Bucket};

/// The characters of a bucket's name.
const LONGEST_NAME: usize = 63;

/// A server, who asks, and the names of the buckets. Has a secret: it is not shown.
pub(super) struct Place {
    pub(super) endpoint: String,
    /// Where clients reach the server, when that is elsewhere.
    pub(super) public: Option<String>,
    pub(super) region: String,
    pub(super) access: String,
    pub(super) secret: String,
    /// Whether the server encrypts what it keeps.
    pub(super) encrypts: bool,
    prefix: String,
}

impl Place {
    /// See [`crate::StoreConfig::files`]. No error quotes the URL.
    pub(super) fn parse(url: &str) -> Result<Self, StoreError> {
        let invalid = |why: &str| {
            let form = "s3://ACCESS:SECRET@HOST[:PORT][/PREFIX]";
            StoreError::Invalid(format!("files are kept at {form}: {why}"))
        };
        let url = Url::parse(url).map_err(|_| invalid("this is no URL"))?;
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| invalid("there is no host"))?;
        let secret = url.password().ok_or_else(|| invalid("there is no secret"))?;
        let mut place = Self {
            endpoint: String::new(),
            public: None,
            region: "us-east-1".into(),
            access: decoded(url.username()),
            secret: decoded(secret),
            encrypts: true,
            prefix: url.path().trim_matches('/').to_owned(),
        };
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !place.prefix.bytes().all(plain) {
            return Err(invalid("a prefix is of small letters, digits and hyphens"));
        }
        if place.prefix.starts_with('-') {
            return Err(invalid("a prefix begins with a letter or a digit"));
        }
        if Bucket::ALL.iter().any(|bucket| place.bucket(*bucket).len() > LONGEST_NAME) {
            return Err(invalid("a prefix has 50 characters at most, as a bucket's name has 63"));
        }
        let mut scheme = "https";
        for (option, value) in url.query_pairs() {
            match (option.as_ref(), value.as_ref()) {
                ("insecure", "") => scheme = "http",
                ("region", region) => region.clone_into(&mut place.region),
                ("encryption", on @ ("on" | "off")) => place.encrypts = on == "on",
                ("public", public) => place.public = Some(public.to_owned()),
                (option, _) => return Err(invalid(&format!("{option} is no option of it"))),
            }
        }
        let port = url.port().map_or(String::new(), |port| format!(":{port}"));
        place.endpoint = format!("{scheme}://{host}{port}");
        Ok(place)
    }

    pub(super) fn bucket(&self, bucket: Bucket) -> String {
        match self.prefix.as_str() {
            "" => bucket.name().to_owned(),
            prefix => format!("{prefix}-{}", bucket.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_and_who() {
        let place = Place::parse("s3://ada:a%2Fb+c@files.example:9000/hall?insecure&region=eu-1");
        let place = place.ok().unwrap();
        assert_eq!(place.endpoint, "http://files.example:9000");
        assert_eq!((place.access.as_str(), place.secret.as_str()), ("ada", "a/b+c"));
        assert_eq!((place.region.as_str(), place.encrypts), ("eu-1", true));
        assert_eq!(place.bucket(Bucket::Materials), "hall-materials");
        let place =
            Place::parse("s3://a:b@h?encryption=off&public=https://f.example").ok().unwrap();
        assert_eq!(place.bucket(Bucket::Materials), "materials");
        assert_eq!(place.public.as_deref(), Some("https://f.example"));
        assert_eq!((place.endpoint.as_str(), place.encrypts), ("https://h", false));
        assert!(Place::parse("s3://a:b@h?encryption=on").is_ok_and(|place| place.encrypts));
    }

    #[test]
    fn a_prefix_leaves_room_for_the_longest_name_of_a_bucket() {
        let prefixed = |length| Place::parse(&format!("s3://a:b@h/{}", "p".repeat(length)));
        let longest = prefixed(50).ok().unwrap();
        assert_eq!(longest.bucket(Bucket::UserAvatars).len(), 63);
        let why = prefixed(51).err().unwrap().to_string();
        assert!(why.contains("50 characters at most"), "{why}");
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret() {
        for url in [
            "s3://",
            "s3://host",
            "s3://ada@host",
            "s3://ada:hidden@",
            "s3://ada:hidden@host/Upper",
            "s3://ada:hidden@host/a/b",
            "s3://ada:hidden@host/-a",
            "s3://ada:hidden@host?nothing=1",
            "s3://ada:hidden@host:port",
        ] {
            let error = Place::parse(url).err().expect(url).to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }
}
