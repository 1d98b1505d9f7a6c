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

  /// Runs `body` with the context of some items of all of them, whose maps must not leave it; there is at
  /// least one.
  static func withContext<Result>(
    of conditionings: [Conditioning], items: [Range<Int>],
    _ body: (CrossAttentionContext) throws -> Result
  ) rethrows -> Result {
    try withExtendedLifetime(conditionings) {
      let contexts = zip(conditionings, items).map { $0.context(of: $1) }
      return try body(CrossAttentionContext(joining: contexts))
    }
  }

  /// Its maps live as long as this.
  private func context(of items: Range<Int>) -> CrossAttentionContext {
    CrossAttentionContext(
      keyValues: keyValues.map { [$0.withTensor { $0.items(items) }] },
      additions: additions.map { $0.withTensor { $0.items(items) } })
  }
}
