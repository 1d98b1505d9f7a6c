import Testing

/// Tests that start real daemons: one at a time, each with the machine to itself.
@Suite(.serialized, .timeLimit(.minutes(10))) enum DaemonTests {}
