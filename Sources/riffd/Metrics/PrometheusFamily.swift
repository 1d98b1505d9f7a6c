/// All series of one name.
struct PrometheusFamily: Sendable {
  enum Kind: String {
    case counter, gauge, histogram
  }

  let kind: Kind
  /// By their labels in text: `kind="Generate",end="done"`.
  var series: [String: PrometheusSeries] = [:]

  /// As the text format has it: two comments, then a line a series, a histogram's bucket, sum and count.
  func text(name: String, help: String?) -> String {
    var text = ""
    if let help { text += "# HELP \(name) \(help)\n" }
    text += "# TYPE \(name) \(self.kind.rawValue)\n"
    for (labels, series) in self.series.sorted(by: { $0.key < $1.key }) {
      text += series.text(name: name, labels: labels)
    }
    return text
  }
}
