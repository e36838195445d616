"""From a request to what the network sees."""
