"""What the client tests share: the server under test, its REST contract and the spans they send."""
