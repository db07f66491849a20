//! The load balancer's data plane: a real HTTP proxy on loopback.
