/// A prompt without its tags `<lora:NAME:WEIGHT>`, and what they ask for; without a weight it is 1.
public struct LoRATags: Sendable, Equatable {
  /// The words that are left.
  public private(set) var prompt = ""
  /// In the order of the tags; one may be there twice.
  public private(set) var loras: [LoRAUse] = []
  /// Tags that cannot be read, as they stand in the prompt.
  public private(set) var unreadable: [String] = []

  /// Whether there are no tags.
  public var isEmpty: Bool { self.loras.isEmpty && self.unreadable.isEmpty }

  private static let opening = "<lora:"

  /// Takes the tags out; a prompt without any stays as it is, to the last space.
  public init(_ prompt: String) {
    var rest = prompt[...]
    while let start = rest.firstRange(of: Self.opening),
      let end = rest[start.upperBound...].firstIndex(of: ">")
    {
      self.append(rest[..<start.lowerBound])
      if let use = LoRAUse(reading: rest[start.upperBound..<end]) {
        self.loras.append(use)
      } else {
        self.unreadable.append(String(rest[start.lowerBound...end]))
      }
      rest = rest[rest.index(after: end)...]
    }
    self.append(rest)
    // What has no tags stays as it is, to the last space.
    if self.isEmpty { return }
    while self.prompt.last == " " { self.prompt.removeLast() }
  }

  /// Where a tag stood between two spaces, one is left.
  private mutating func append(_ text: Substring) {
    let needsNoSpace = !self.isEmpty && (self.prompt.isEmpty || self.prompt.last == " ")
    self.prompt += needsNoSpace ? text.drop { $0 == " " } : text
  }
}
