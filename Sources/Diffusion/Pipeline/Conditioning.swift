/// What a session's prompts give every step, in memory of its own; of one picture.
final class Conditioning {
  /// Prompts: two where there is guidance, the negative one first.
  let batch: Int
  private let keyValues: [OwnedMap]
  private let additions: [OwnedMap]

  /// Copies what `context` holds, which need not live on.
  init(_ context: CrossAttentionContext, batch: Int) throws(DiffusionError) {
    self.batch = batch
    var maps: [OwnedMap] = []
    for map in context.keyValues.joined() { maps.append(try OwnedMap(copying: map)) }
    keyValues = maps
    maps = []
    for map in context.additions { maps.append(try OwnedMap(copying: map)) }
    additions = maps
  }

  /// Runs `body` with the context of all of them, whose maps must not leave it; there is at least one.
  static func withContext<Result>(
    of conditionings: [Conditioning], _ body: (CrossAttentionContext) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(conditionings) {
      try body(CrossAttentionContext(joining: conditionings.map(\.context)))
    }
  }

  /// Its maps live as long as this.
  private var context: CrossAttentionContext {
    CrossAttentionContext(
      keyValues: keyValues.map { [$0.withTensor { $0 }] },
      additions: additions.map { $0.withTensor { $0 } })
  }
}
