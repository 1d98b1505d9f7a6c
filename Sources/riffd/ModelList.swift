import Riff

/// The models of a daemon in the order in which they are listed: those of the command line, of the
/// configuration file, and the bundled ones.
enum ModelList {
  /// - Returns: the models, and sentences for the log. A name that is given twice in one place stays, as
  ///   a model that cannot be used; what comes from a later place gives way to an earlier one.
  static func join(
    given: [ModelLocation], configured: [ModelLocation], bundled: [ModelLocation]
  ) -> (models: [ModelLocation], notes: [String]) {
    var models: [ModelLocation] = []
    var notes: [String] = []
    for (place, locations) in [
      ("--model", given), ("the configuration file", configured), ("the bundled models", bundled),
    ] {
      let earlier = Set(models.map(\.name))
      var seen: Set<String> = []
      for location in locations {
        if earlier.contains(location.name) {
          notes.append("\(location.name) of \(place) is not used: an earlier model has its name")
          continue
        }
        var location = location
        if !seen.insert(location.name).inserted {
          location.problem =
            "\(place) names two models \(location.name); the first is used, not \(location.directory)"
        }
        models.append(location)
      }
    }
    return (models, notes)
  }
}
