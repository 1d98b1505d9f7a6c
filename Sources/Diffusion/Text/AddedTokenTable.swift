/// Numbers added tokens as transformers does: one that the vocabulary has keeps its number, any
/// other gets the next one.
struct AddedTokenTable {
  /// More would make looking for them in a prompt slow.
  private static let limit = 10_000

  let folder: String
  let encoding: BytePairEncoding
  private(set) var tokens: [CLIPTokenizer.SpecialToken] = []
  /// Where in `tokens` a name stands, in UTF-8.
  private var places: [[UInt8]: Int] = [:]
  private var listed = 0
  private var named: Set<AddedToken> = []
  private var next: Int32

  init(folder: String, encoding: BytePairEncoding) {
    self.folder = folder
    self.encoding = encoding
    next = encoding.vocabularySize
  }

  /// Takes a token that a file lists with its number; all of those come first.
  mutating func list(_ token: AddedToken, number due: Int) throws(DiffusionError) {
    let number = try add(token)
    guard number == due else {
      throw .checkpoint(
        folder,
        "lists \(token.content) as token \(due), but it comes to be number \(number)")
    }
    listed = tokens.count
  }

  /// The number of a token. Where several of one name are not listed, the last one that is written
  /// as none before it says where it is looked for.
  mutating func add(_ token: AddedToken) throws(DiffusionError) -> Int32 {
    let name = Array(token.content.utf8)
    let place = places[name] ?? tokens.count
    guard place >= listed, named.insert(token).inserted || place == tokens.count else {
      return tokens[place].token
    }
    let known = place < tokens.count ? tokens[place].token : encoding[token.content]
    let text = token.content.unicodeScalars
    let entry = CLIPTokenizer.SpecialToken(
      scalars: token.normalized ? CLIPNormalizer.normalize(text) : Array(text),
      token: known ?? next, normalized: token.normalized)
    if known == nil { next += 1 }
    if place < tokens.count {
      tokens[place] = entry
    } else {
      guard place < Self.limit else {
        throw .checkpoint(folder, "adds more than \(Self.limit) tokens")
      }
      tokens.append(entry)
      places[name] = place
    }
    return entry.token
  }
}
