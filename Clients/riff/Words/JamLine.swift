import RiffProtocol
import SwiftProtobuf

/// A line that steers a jam: prompts with weights, "jazz 0.3 + techno 0.7", or a setting, "/bpm 120".
struct JamLine {
  /// What is sent; nil for an empty line.
  let part: Riff_V1_JamRequest.OneOf_Part?

  static let help = """
    A prompt, or several with weights (jazz 0.3 + techno 0.7); /bpm N, /strength S, /guidance G, \
    /seed N, /negative TEXT; /stop.
    """

  /// - Throws: ``Failure`` that says what is right.
  init(_ line: String, id: UInt32) throws {
    let text = Self.trimmed(line[...])
    guard !text.isEmpty else {
      self.part = nil
      return
    }
    var change = Riff_V1_JamChange()
    change.id = id
    guard text.hasPrefix("/") else {
      change.prompts = try Self.prompts(String(text))
      self.part = .change(change)
      return
    }
    let name = text.prefix { $0 != " " }
    let value = String(Self.trimmed(text.dropFirst(name.count)))
    switch name {
    case "/stop":
      self.part = .stop(Riff_V1_JamStop())
      return
    case "/bpm": change.bpm = try Self.number(name, value, Double.init)
    case "/strength": change.strength = try Self.number(name, value, Double.init)
    case "/guidance": change.guidanceScale = try Self.number(name, value, Float.init)
    case "/seed": change.seed = try Self.number(name, value, UInt64.init)
    case "/negative": change.negativePrompt = value
    default: throw Failure.usage("“\(name)” is not known here. \(Self.help)")
    }
    self.part = .change(change)
  }

  /// Prompts between " + "; the number at the end of each is its weight, 1 where there is none. A single
  /// prompt is taken as it stands.
  static func prompts(_ text: String) throws -> [Riff_V1_WeightedPrompt] {
    var terms: [Substring] = []
    var rest = text[...]
    while let plus = rest.firstRange(of: " + ") {
      terms.append(rest[..<plus.lowerBound])
      rest = rest[plus.upperBound...]
    }
    terms.append(rest)
    guard terms.count > 1 else {
      return [
        .with {
          $0.prompt = text
          $0.weight = 1
        }
      ]
    }
    return try terms.map { term in
      var words = Self.trimmed(term)
      var weight = 1.0
      if let space = words.lastIndex(of: " "),
        let number = Double(words[words.index(after: space)...])
      {
        weight = number
        words = Self.trimmed(words[..<space])
      }
      guard !words.isEmpty else { throw Failure.usage("between two + there must be a prompt") }
      return .with {
        $0.prompt = String(words)
        $0.weight = weight
      }
    }
  }

  private static func number<Number>(
    _ name: Substring, _ text: String, _ read: (String) -> Number?
  ) throws -> Number {
    guard let number = read(text) else { throw Failure.usage("\(name) needs a number") }
    return number
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text.drop { $0.isWhitespace }
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }
}
