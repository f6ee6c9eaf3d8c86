@agent
Feature: The packages of an agent
  An agent downloads what it lacks, and nothing else. It compares hashes for that, and never makes one. Its report says
  of each package what it has, and what was offered.

  @implied @capabilities.agent.accepts-packages @capabilities.agent.package-statuses-reported.offer
  Scenario: An agent reports what has become of a package
    Given an agent with the capability AcceptsPackages
    When the server offers the agent a package
    Then the agent reports the outcome of each package

  @SHOULD @packages.final-report
  Scenario: An agent reports the status of all packages at the end
    Given an agent with the capability AcceptsPackages
    When the server offers the agent two packages
    Then the agent reports the outcome of each package

  @SHOULD @packages.final-report.beside-failures
  Scenario: A package that fails does not keep the agent from the others
    Given an agent with the capability AcceptsPackages
    When the server offers the agent a package between two packages whose files are missing
    Then the agent reports the outcome of each package

  @SHOULD @packages.step2-download-missing @packages.step3-download-missing @packages.follow-procedure.missing
  Scenario: An agent downloads a package that it lacks
    Given an agent with the capability AcceptsPackages
    When the server offers the agent a package
    Then the agent downloads the package

  @SHOULD @packages.step3-http-get
  Scenario: An agent downloads a package with GET
    Given an agent with the capability AcceptsPackages
    When the server offers the agent a package
    Then the agent downloads the package with GET

  @SHOULD @packages.step3-headers
  Scenario: An agent sends the offered headers with its download
    Given an agent with the capability AcceptsPackages
    When the server offers the agent a package
    Then the agent downloads the package with the offered headers

  @SHOULD @packages.step3-headers.second
  Scenario: An agent sends the offered headers with a later download, too
    Given an agent that has installed a package from the server
    When the server offers another package beside it
    Then the agent downloads the other package with the offered headers

  Rule: What the agent has is not downloaded again

    @SHOULD @packages.step1-same-hash-done @packages.all-hash-used.same
    Scenario: An agent does nothing if the hash of all packages is the same
      Given an agent that has installed a package from the server
      When the server offers the same package again
      Then the agent does not download the package again

    @SHOULD @packages.step2-same-hash-skip @packages.step2-compare-hash @packages.package-hash-used.same
    Scenario: An agent does not download a package with the same hash
      Given an agent that has installed a package from the server
      When the server offers the same package, with another hash of all packages
      Then the agent does not download the package again

    @SHOULD @packages.reinstall-different-hash @packages.step3-download-different @packages.step2-check-each.different
    Scenario: An agent downloads a package with another hash
      Given an agent that has installed a package from the server
      When the server offers a new version of the package, with another file
      Then the agent downloads the other file

    @SHOULD @packages.reinstall-different-hash.same-version
    Scenario: An agent downloads a package of the same version with another hash
      Given an agent that has installed a package from the server
      When the server offers the same version of the package, with another hash and another file
      Then the agent downloads the other file

    @SHOULD @packages.reinstall-different-hash.older
    Scenario: An agent downloads a package of an older version
      Given an agent that has installed a package from the server
      When the server offers an older version of the package, with another file
      Then the agent downloads the other file

    @SHOULD @packages.delete-not-offered
    Scenario: An agent deletes a package that is not offered any more
      Given an agent that has installed two packages from the server
      When the server offers only one of them
      Then the agent does not report the other one any more

  Rule: A report says what the agent has, and what was offered

    @SHOULD @packages.all-hash-echo
    Scenario: An agent reports the hash of all packages
      Given an agent with the capability AcceptsPackages
      When the server offers the agent a package
      Then the agent reports the hash of all packages as it was offered

    @implied @package-status.server-hash
    Scenario: The hash in a report is that of the last offer
      Given an agent with the capability AcceptsPackages
      When the server offers the agent a package
      Then the agent reports the hash of all packages as it was offered

    @implied @package-status.server-hash.later
    Scenario: The hash in a report is that of the later one of two offers
      Given an agent that has installed a package from the server
      When the server offers another package beside it
      Then the agent reports the hash of all packages as it was offered

    @MUST @package-status.has-version.set @package-status.has-hash.set.installed
    Scenario: An agent reports the version and the hash of a package that it has
      Given an agent with the capability AcceptsPackages
      When the server offers the agent a package
      Then the agent reports that it has the package

    @MUST @package-status.offered-version.set @package-status.offered-hash.set.offered
    Scenario: An agent reports the version and the hash that was offered
      Given an agent with the capability AcceptsPackages
      When the server offers the agent a package
      Then the agent reports what was offered of the package

    @MUST @package-status.offered-version.set.restarted @package-status.offered-hash.set
    Scenario: An agent that was restarted reports the version and the hash that was offered
      Given an agent that has installed a package from the server
      When the agent is restarted
      Then the agent's first message has what was offered of the package

    @MUST @package-status.has-version.empty @package-status.has-hash.empty.failed
    Scenario: An agent reports no version and no hash of a package that it lacks
      Given an agent with the capability AcceptsPackages
      When the server offers the agent a package whose file is missing
      Then the agent reports that it does not have the package

    @MUST @package-status.failed-hash
    Scenario: An agent reports a package that it cannot install
      Given an agent with the capability AcceptsPackages
      When the server offers the agent a package whose file is missing
      Then the agent reports that the package has failed

    @MUST @packages.all-included
    Scenario: An agent reports all packages
      Given an agent with the capability AcceptsPackages
      When the server offers the agent two packages
      Then the agent reports both packages

    @MUST @packages.all-included.installed-before
    Scenario: An agent reports what it has beside what it installs
      Given an agent that has installed a package from the server
      When the server offers another package beside it
      Then the agent reports both packages

    @MUST @package-status.has-version.set.replaced
    Scenario: An agent reports the version of a package that it has replaced
      Given an agent that has installed a package from the server
      When the server offers a new version of the package, with another file
      Then the agent reports that it has the new version of the package

    @MUST @package-status.has-version.set.after-failure
    Scenario: An agent reports a package that it has installed at the second try
      Given an agent with the capability AcceptsPackages
      And the agent has failed to install a package whose file was missing
      When the server offers the package with its file
      Then the agent reports that it has that package

    @MUST @package-status.has-version.set.failed-update
    Scenario: An agent does not report the version of a package that it could not update
      Given an agent that has installed a package from the server
      When the server offers a new version of the package, whose file is missing
      Then the agent does not report that it has the new version of the package

    @implied @package-status.describes-all
    Scenario: A report describes each package that was offered
      Given an agent with the capability AcceptsPackages
      When the server offers the agent two packages
      Then the agent reports both packages

    @MUST @package-status.name-always-set @package-status.key-equals-name.offered
    Scenario: A package has its name in a report
      Given an agent with the capability AcceptsPackages
      When the server offers the agent two packages
      Then each package has its name
