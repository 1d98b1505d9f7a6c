import Cores

/// A job that has been let in: its number, its place in the line for the cores, and the way to its
/// listener.
struct JobEntry: Sendable {
  /// Unique among the jobs of one ``Studio``.
  let id: UInt64
  let seat: Seat
  let channel: JobChannel
}
