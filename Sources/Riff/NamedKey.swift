/// The key that a prompt names: a note and "major" or "minor", as in "C minor", "F# major" and "E flat minor"; or
/// "in Am", or "key of D", which is major.
package struct NamedKey: Sendable, Equatable {
  /// Semitones above C, 0 to 11.
  package let tonic: Int
  package let isMinor: Bool

  /// 1 to 12: C to B major; 13 to 24: C to B minor.
  package var number: Int { 1 + self.tonic + (self.isMinor ? 12 : 0) }

  package init(tonic: Int, isMinor: Bool) {
    self.tonic = tonic
    self.isMinor = isMinor
  }

  /// The first one; nil where the prompt names none.
  package init?(in prompt: String) {
    let words = Self.words(prompt)
    for place in words.indices {
      guard let key = Self.key(at: place, of: words) else { continue }
      self = key
      return
    }
    return nil
  }

  private struct Word {
    var text = ""
    /// Whether nothing but a space follows before the next word.
    var goesOn = true

    func equals(_ other: String) -> Bool { self.text.lowercased() == other }
  }

  /// Letters, digits and accidentals; all else lies between words.
  private static func words(_ prompt: String) -> [Word] {
    var words: [Word] = []
    var isInside = false
    for character in prompt {
      if character.isLetter || character.isNumber || "#♯♭".contains(character) {
        if !isInside { words.append(Word()) }
        isInside = true
        words[words.count - 1].text.append(character)
      } else {
        isInside = false
        if !words.isEmpty, !character.isWhitespace, character != "-" {
          words[words.count - 1].goesOn = false
        }
      }
    }
    if !words.isEmpty { words[words.count - 1].goesOn = false }
    return words
  }

  /// The key whose note stands at a place.
  private static func key(at place: Int, of words: [Word]) -> NamedKey? {
    let word = words[place]
    let before = place > 0 ? words[place - 1] : nil
    let follows = before.map { $0.equals("in") || $0.equals("of") } ?? false
    // "in Am", "in F#m".
    if follows, word.text.hasSuffix("m"), word.text.first?.isUppercase == true,
      let tonic = Self.tonic(word.text.dropLast())
    {
      return NamedKey(tonic: tonic, isMinor: true)
    }
    guard var tonic = Self.tonic(word.text[...]) else { return nil }
    var next = place + 1
    if word.text.count == 1, word.goesOn, next < words.count {
      if words[next].equals("sharp") {
        (tonic, next) = ((tonic + 1) % 12, next + 1)
      } else if words[next].equals("flat") {
        (tonic, next) = ((tonic + 11) % 12, next + 1)
      }
    }
    if words[next - 1].goesOn, next < words.count {
      let mode = words[next]
      let isMinor = mode.equals("minor") || mode.equals("min")
      if isMinor || mode.equals("major") || mode.equals("maj") {
        // "a minor detail" is an article, "in a minor" and "in A minor" are not.
        let mayBeArticle =
          word.equals("a") && next == place + 1 && mode.goesOn
          && (word.text == "a" || before == nil)
        return mayBeArticle ? nil : NamedKey(tonic: tonic, isMinor: isMinor)
      }
    }
    // "key of D".
    guard follows, place > 1, words[place - 2].equals("key"), word.text.first?.isUppercase == true
    else { return nil }
    return NamedKey(tonic: tonic, isMinor: false)
  }

  /// Of a letter from A to G, and an accidental or none.
  private static func tonic(_ text: Substring) -> Int? {
    guard let letter = text.first, text.count <= 2 else { return nil }
    let notes: [Character: Int] = ["c": 0, "d": 2, "e": 4, "f": 5, "g": 7, "a": 9, "b": 11]
    guard let note = letter.lowercased().first.flatMap({ notes[$0] }) else { return nil }
    switch text.dropFirst() {
    case "": return note
    case "#", "♯": return (note + 1) % 12
    case "b", "♭": return (note + 11) % 12
    default: return nil
    }
  }
}
