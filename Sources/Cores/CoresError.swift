/// What the machine could not give.
package struct CoresError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The number of threads is out of range.
    case threads
    /// Memory cannot be had.
    case outOfMemory
    /// A thread cannot be had.
    case outOfResources
  }

  package let kind: Kind
  /// What was wrong and what would be right.
  package let message: String

  package init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  package var description: String { message }
}
