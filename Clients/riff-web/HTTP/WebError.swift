/// Why riff-web cannot begin.
struct WebError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }
}
