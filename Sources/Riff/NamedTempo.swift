/// The tempo that a prompt names: the number before its first "bpm", with or without a space between.
package struct NamedTempo: Equatable {
  /// Beats a minute.
  package let bpm: Double

  /// Where the number stands, in scalars of the prompt.
  private let place: Range<Int>

  /// Nil where the prompt names none.
  package init?(in prompt: String) {
    // Only ASCII is looked for, so that places stay what they are.
    let text = prompt.unicodeScalars.map { scalar in
      ("A"..."Z").contains(scalar) ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar
    }
    for place in text.indices.dropLast(2)
    where text[place] == "b" && text[place + 1] == "p" && text[place + 2] == "m" {
      var end = place
      while end > 0, text[end - 1] == " " { end -= 1 }
      var start = end
      while start > 0, ("0"..."9").contains(text[start - 1]) || text[start - 1] == "." {
        start -= 1
      }
      var digits = ""
      digits.unicodeScalars.append(contentsOf: text[start..<end])
      if let tempo = Double(digits), RequestLimits.bpm.contains(tempo) {
        self.bpm = tempo
        self.place = start..<end
        return
      }
    }
    return nil
  }

  /// A prompt with a tempo in it, in the place of the one that it names.
  static func naming(_ bpm: Double, in prompt: String) -> String {
    let hundredths = (bpm * 100).rounded() / 100
    let number = hundredths == hundredths.rounded() ? "\(Int(hundredths))" : "\(hundredths)"
    guard let named = NamedTempo(in: prompt) else { return "\(prompt), \(number) bpm" }
    var text = String.UnicodeScalarView()
    let scalars = Array(prompt.unicodeScalars)
    text.append(contentsOf: scalars[..<named.place.lowerBound])
    text.append(contentsOf: number.unicodeScalars)
    text.append(contentsOf: scalars[named.place.upperBound...])
    return String(text)
  }
}
