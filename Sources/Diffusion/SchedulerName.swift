/// The schedulers that a request may name; the raw value is what a person writes.
public enum SchedulerName: String, Sendable, CaseIterable {
  case ddim
}
