//! Which servers, which stream, and what is asked of them.

/// Options of a shared log over NATS `JetStream`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NatsOptions {
    /// The servers, each as `host:port`. One of them is used at a time, another one once that fails.
    pub servers: Vec<String>,
    /// The name of the stream. Its subject is `tidegate.NAME`. The stream is created if there is none.
    pub stream: String,
    /// How many servers keep the stream if it is created. Default: 3.
    pub replicas: u32,
    /// The monitoring pages of all servers, each as `host:port`. Default: none.
    pub monitors: Vec<String>,
    /// Whether servers that were not seen to sync every write are accepted. Default: `false`.
    pub trusts: bool,
}

impl NatsOptions {
    /// Returns the default options for a stream on these servers.
    pub fn new<S: Into<String>>(servers: impl IntoIterator<Item = S>, stream: impl Into<String>) -> Self {
        Self {
            servers: servers.into_iter().map(Into::into).collect(),
            stream: stream.into(),
            replicas: 3,
            monitors: Vec::new(),
            trusts: false,
        }
    }

    /// Sets how many servers keep the stream.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets the monitoring pages of all servers.
    #[must_use]
    pub fn monitors<S: Into<String>>(mut self, monitors: impl IntoIterator<Item = S>) -> Self {
        self.monitors = monitors.into_iter().map(Into::into).collect();
        self
    }

    /// Accepts servers that were not seen to sync every write: a power cut may lose what they acknowledged.
    #[must_use]
    pub fn trusting(mut self) -> Self {
        self.trusts = true;
        self
    }
}
