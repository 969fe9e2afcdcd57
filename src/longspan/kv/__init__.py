"""What happens to stored tokens: kept, evicted, retrieved, offloaded."""
