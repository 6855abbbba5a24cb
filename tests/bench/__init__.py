"""The benchmark's yardsticks and peers, tried on real servers; nothing is timed here."""
