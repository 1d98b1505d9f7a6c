internal import GRPCCore

/// "package.Service/Method", as HEADERS carries it.
struct MethodPath: Hashable, Sendable {
  let service: String
  let method: String

  /// Nil unless `path` is two non-empty parts with one slash between them.
  init?(_ path: String) {
    let parts = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
    self.service = String(parts[0])
    self.method = String(parts[1])
  }

  init(_ descriptor: MethodDescriptor) {
    self.service = descriptor.service.fullyQualifiedService
    self.method = descriptor.method
  }

  var text: String { "\(self.service)/\(self.method)" }

  var descriptor: MethodDescriptor {
    MethodDescriptor(fullyQualifiedService: self.service, method: self.method)
  }
}
