@agent
Feature: The connection settings of an agent
  Settings that do not work would cut an agent off. So an agent tries them first, and returns to the old ones if they do
  not work.

  @implied @capabilities.agent.accepts-opamp-settings @opamp-offer.client-reconnects.endpoint
  Scenario: An agent connects with the offered settings
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    When the server offers another endpoint
    Then the agent connects to the offered endpoint

  @implied @capabilities.agent.accepts-opamp-settings.after-failure
  Scenario: An agent takes settings after some that did not work
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has returned from an endpoint that does not work
    When the server offers another endpoint
    Then the agent connects to the offered endpoint

  @SHOULD @identification.stable.new-settings
  Scenario: An agent keeps its instance_uid when it connects with other settings
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    When the server offers another endpoint
    Then the agent reports at the offered endpoint under the same instance_uid

  @transport.websocket @implied @opamp-offer.client-disconnects
  Scenario: An agent leaves the server before it tries the settings
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    When the server offers another endpoint
    Then the agent disconnects before it connects anew

  @transport.websocket @MUST @duplicate.reconnect-order
  Scenario: An agent has no second connection while it changes its settings
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    When the server offers another endpoint
    Then the agent disconnects before it connects anew

  @implied @opamp-settings.headers-used
  Scenario: An agent sends the offered headers
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    When the server offers another endpoint and two headers
    Then the agent connects to the offered endpoint with the headers

  @implied @opamp-settings.headers-used.same-endpoint
  Scenario: An agent sends the offered headers to the endpoint that it has already
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint that the server has offered
    When the server offers that endpoint again, and two headers
    Then the agent connects with the headers

  @implied @opamp-settings.headers-used.again
  Scenario: An agent sends the offered headers each time that it connects
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint, with two headers, that the server has offered
    When the connection of the agent breaks
    Then the agent connects to the offered endpoint with the headers

  @implied @opamp-offer.client-reconnects.again
  Scenario: An agent connects to the offered endpoint each time
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint that the server has offered
    When the connection of the agent breaks
    Then the agent's next message comes to the offered endpoint

  @implied @tls.ca-pem
  Scenario: An agent trusts the offered authority
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint that the server has offered
    When the server offers an endpoint over TLS, with the authority of its certificate
    Then the agent connects to the offered endpoint over TLS

  @SHOULD @tls.unset-keeps
  Scenario: An agent keeps its settings for TLS if the offer has none
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to an endpoint over TLS that the server has offered
    When the server offers another endpoint over TLS, without settings for TLS
    Then the agent connects to the offered endpoint over TLS

  @implied @tls.insecure-skip-verify
  Scenario: An agent verifies nothing if the offer says so
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    When the server offers an endpoint over TLS that the agent is not to verify
    Then the agent connects to the offered endpoint over TLS

  @implied @registration.client-persists
  Scenario: An agent keeps accepted settings over a restart
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint that the server has offered
    When the agent is restarted
    Then the agent's first message comes to the offered endpoint

  @implied @registration.client-persists.headers
  Scenario: An agent keeps accepted headers over a restart
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint, with two headers, that the server has offered
    When the agent is restarted
    Then the agent connects to the offered endpoint with the headers

  @implied @offers.opamp-unset-keeps
  Scenario: An agent keeps its settings if the offer has none for OpAMP
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint that the server has offered
    When the server offers settings for another connection only
    Then the agent stays at the offered endpoint

  @transport.websocket @implied @offers.opamp-unset-keeps.headers
  Scenario: An agent keeps its headers if the offer has none for OpAMP
    Given an agent with the capability AcceptsOpAMPConnectionSettings
    And the agent has moved to another endpoint, with two headers, that the server has offered
    When the server offers settings for another connection only
    And the connection of the agent breaks
    Then the agent connects to the offered endpoint with the headers

  Rule: An agent uses only the versions and cipher suites of TLS that it is offered

    @implied @tls.min-version
    Scenario: An agent uses no lower version
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint that has TLS 1.2 only, and 1.3 as the lowest version
      Then the agent returns to the old endpoint

    @implied @tls.max-version
    Scenario: An agent uses no higher version
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint that has TLS 1.3 only, and 1.2 as the highest version
      Then the agent returns to the old endpoint

    @implied @tls.cipher-suites
    Scenario: An agent uses no other cipher suite
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint that has one cipher suite, and another one as the only suite
      Then the agent returns to the old endpoint

    @implied @tls.cipher-suites.same
    Scenario: An agent uses the offered cipher suite
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint that has one cipher suite, and that one as the only suite
      Then the agent connects to the offered endpoint over TLS

  Rule: An agent connects through the proxy that it is offered

    @implied @proxy.url-used
    Scenario: An agent connects through the offered proxy
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint over TLS, and a proxy
      Then the agent connects to the offered endpoint through the proxy

    @implied @proxy.connect-headers
    Scenario: An agent sends the offered headers to the proxy
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint over TLS, and a proxy
      Then the agent asks the proxy for a connection with the offered headers

    @SHOULD @proxy.unset-keeps
    Scenario: An agent keeps its proxy if the offer has none
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has moved to an endpoint over TLS, through a proxy that the server has offered
      When the server offers another endpoint over TLS, without a proxy
      Then the agent connects to the offered endpoint through the proxy

  Rule: Settings that do not work are not kept

    @implied @opamp-offer.revert-on-failure
    Scenario: An agent returns from an endpoint where nothing listens
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint where nothing listens
      Then the agent returns to the old endpoint

    @implied @opamp-offer.revert-on-failure.accepted
    Scenario: An agent returns to the settings that it has accepted last
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has moved to another endpoint that the server has offered
      When the server offers an endpoint where nothing listens
      Then the agent returns to the offered endpoint

    @implied @opamp-offer.revert-on-failure.headers
    Scenario: An agent does not keep the headers of settings that do not work
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint where nothing listens, and two headers
      Then the agent returns to the old endpoint without the headers

    @implied @opamp-offer.success-criteria.authorization
    Scenario: An agent returns from an endpoint that refuses it
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint that refuses the agent with 401
      Then the agent returns to the old endpoint

    @implied @opamp-offer.success-criteria.tls
    Scenario: An agent returns from an endpoint that it cannot verify
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint over TLS whose authority the agent does not know
      Then the agent returns to the old endpoint

    @implied @opamp-offer.success-criteria.hostname
    Scenario: An agent returns from an endpoint whose certificate is for another host
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint over TLS by a name that its certificate does not have
      Then the agent returns to the old endpoint

    @implied @opamp-offer.success-criteria.invalid
    Scenario: An agent does not accept an endpoint that is no URL
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint that is no URL
      Then the agent does not report that the settings are applied

    @MUST @offers.client-verifies
    Scenario: An agent does not accept settings that do not work
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      When the server offers an endpoint where nothing listens
      Then the agent does not report that the settings are applied

  Rule: The server learns what has become of an offer

    @SHOULD @opamp-offer.report-applying
    Scenario: An agent reports that it applies the settings
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      When the server offers another endpoint
      Then the agent reports that it applies the settings

    @MUST @opamp-offer.report-applied
    Scenario: An agent reports that it has applied the settings
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      When the server offers another endpoint
      Then the agent reports that the settings are applied

    @MUST @opamp-offer.report-applied.again
    Scenario: An agent reports that it has applied later settings, too
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      And the agent has moved to another endpoint that the server has offered
      When the server offers another interval of heartbeats
      Then the agent reports that the settings are applied

    @MUST @opamp-offer.report-failed
    Scenario: An agent reports that the settings have failed
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      When the server offers an endpoint where nothing listens
      Then the agent reports that the settings have failed

    @MUST @opamp-offer.report-failed.tls
    Scenario: An agent reports that settings have failed whose endpoint it cannot verify
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      When the server offers an endpoint over TLS whose authority the agent does not know
      Then the agent reports that the settings have failed

    @MUST @opamp-offer.report-failed.after-success
    Scenario: An agent reports that later settings have failed
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      And the agent has moved to another endpoint that the server has offered
      When the server offers an endpoint where nothing listens
      Then the agent reports that the settings have failed

    @implied @connection-status.last-hash @capabilities.agent.connection-status-reported.offer
    Scenario: An agent reports the hash of the last settings
      Given an agent with the capability AcceptsOpAMPConnectionSettings
      And the agent has the capability ReportsConnectionSettingsStatus
      And the agent has moved to another endpoint that the server has offered
      When the server sends the agent a message that asks for nothing
      Then the agent's next full report has the hash of the settings

  Rule: An agent sends its own telemetry where the server wants it

    @implied @own-telemetry.send-to-offered @telemetry-settings.endpoint-as-given @capabilities.agent.own-telemetry.metrics
    Scenario: An agent sends its metrics to the offered destination
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination for the agent's own metrics
      Then the agent sends its telemetry there

    @implied @own-telemetry.send-to-offered @capabilities.agent.own-telemetry.traces
    Scenario: An agent sends its traces to the offered destination
      Given an agent with the capability ReportsOwnTraces
      When the server offers a destination for the agent's own traces
      Then the agent sends its telemetry there

    @implied @own-telemetry.send-to-offered @capabilities.agent.own-telemetry.logs
    Scenario: An agent sends its logs to the offered destination
      Given an agent with the capability ReportsOwnLogs
      When the server offers a destination for the agent's own logs
      Then the agent sends its telemetry there

    @implied @own-telemetry.send-to-offered.replaced
    Scenario: An agent sends its metrics to the destination that was offered last
      Given an agent with the capability ReportsOwnMetrics
      And the agent sends its metrics to a destination that the server has offered
      When the server offers a destination for the agent's own metrics
      Then the agent sends its telemetry there

    @implied @own-telemetry.send-to-offered.beside-opamp
    Scenario: An agent takes a destination for its metrics beside another endpoint
      Given an agent with the capability ReportsOwnMetrics
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server offers another endpoint, and a destination for the agent's own metrics
      And the agent has connected to the offered endpoint
      Then the agent sends its telemetry there

    @implied @capabilities.agent.accepts-opamp-settings.beside-telemetry
    Scenario: An agent takes another endpoint beside a destination for its metrics
      Given an agent with the capability ReportsOwnMetrics
      And the agent has the capability AcceptsOpAMPConnectionSettings
      When the server offers another endpoint, and a destination for the agent's own metrics
      Then the agent connects to the offered endpoint

    @implied @proxy.url-used.telemetry
    Scenario: An agent sends its metrics through the offered proxy
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination and a proxy for the agent's own metrics
      Then the agent sends its telemetry there through the proxy

    @implied @telemetry-settings.certificate-used
    Scenario: An agent shows the offered certificate to the destination of its metrics
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination and a certificate for the agent's own metrics
      Then the agent sends its telemetry there with the certificate

    @SHOULD-NOT @telemetry-settings.certificate-omitted
    Scenario: An agent shows no certificate to a destination if the offer has none
      Given an agent with the capability ReportsOwnMetrics
      And the agent sends its metrics with a certificate that the server has offered
      When the server offers a destination without a certificate for the agent's own metrics
      Then the agent sends its telemetry there without a certificate

    @implied @telemetry-settings.headers-used
    Scenario: An agent sends the offered headers with its metrics
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination for the agent's own metrics
      Then the agent sends its telemetry there with the offered headers

    @implied @telemetry-settings.headers-used.traces
    Scenario: An agent sends the offered headers with its traces
      Given an agent with the capability ReportsOwnTraces
      When the server offers a destination for the agent's own traces
      Then the agent sends its telemetry there with the offered headers

    @implied @telemetry-settings.headers-used.logs
    Scenario: An agent sends the offered headers with its logs
      Given an agent with the capability ReportsOwnLogs
      When the server offers a destination for the agent's own logs
      Then the agent sends its telemetry there with the offered headers

    @SHOULD @description.identifying-in-resource
    Scenario: The telemetry of an agent has its identifying attributes
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination for the agent's own metrics
      Then the agent sends its telemetry there with its identifying attributes

    @SHOULD @own-telemetry.non-identifying-same
    Scenario: The telemetry of an agent says of it what its description says
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination for the agent's own metrics
      Then the agent sends its telemetry there without contradicting its description

    @MUST @own-telemetry.process-conventions
    Scenario: The metrics of an agent's process follow the conventions
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination for the agent's own metrics
      Then the metrics of the agent's process have the units and the kinds of the conventions

    @SHOULD @own-telemetry.metrics-periodic
    Scenario: An agent sends its metrics regularly
      Given an agent with the capability ReportsOwnMetrics
      When the server offers a destination for the agent's own metrics
      Then the agent sends its telemetry there again and again

    @SHOULD @own-telemetry.continue
    Scenario: An agent goes on to send its metrics if an offer has nothing for them
      Given an agent with the capability ReportsOwnMetrics
      And the agent sends its metrics to a destination that the server has offered
      When the server offers settings for another connection only
      Then the agent sends its telemetry there again and again

    @SHOULD @own-telemetry.status
    Scenario: An agent reports the status of settings for its telemetry
      Given an agent with the capability ReportsOwnMetrics
      And the agent has the capability ReportsConnectionSettingsStatus
      When the server offers a destination for the agent's own metrics
      Then the agent reports the status of the settings
