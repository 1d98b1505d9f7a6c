/// What a session's prompts give every step, in memory of its own.
final class Conditioning {
  /// Prompts: two where there is guidance, the negative one first.
  let batch: Int
  private let keyValues: [OwnedMap]
  private let addition: OwnedMap?

  /// Copies what `context` holds, which need not live on.
  init(_ context: CrossAttentionContext, batch: Int) throws(DiffusionError) {
    self.batch = batch
    var maps: [OwnedMap] = []
    for map in context.keyValues { maps.append(try OwnedMap(copying: map)) }
    keyValues = maps
    addition =
      if let map = context.addition { try OwnedMap(copying: map) } else { nil }
  }

  /// Runs `body` with the context, whose maps must not leave it.
  func withContext<Result>(_ body: (CrossAttentionContext) throws -> Result) rethrows -> Result {
    try withExtendedLifetime(self) {
      try body(
        CrossAttentionContext(
          keyValues: keyValues.map { $0.withTensor { $0 } },
          addition: addition?.withTensor { $0 }))
    }
  }
}
