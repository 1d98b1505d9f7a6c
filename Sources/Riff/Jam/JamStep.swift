/// What one of a jam's parts has done when it was asked to go on.
enum JamStep: Equatable {
  /// Something; it may go on at once.
  case went
  /// Nothing, and it has nothing to do before that time, in seconds, unless its bell rings.
  case waits(until: Double)
  /// Its part is over.
  case ended
}
