"""The full-screen terminal: state is a pure reducer, one bridge owns the event stream."""
