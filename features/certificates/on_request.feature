Feature: Client certificates on request
  An agent creates its own key and asks the server to sign it, so the private key is never sent.

  Background:
    Given a server that issues certificates
    And an agent with every capability

  Rule: A valid request is granted

    @SHOULD @csr.server-responds.first-message
    Scenario: A request is answered with settings that contain a certificate
      When the agent asks for a client certificate
      Then settings with a certificate are offered

    @SHOULD @csr.server-responds.known-agent
    Scenario: An agent that the server knows can ask, too
      Given the agent has reported its full status
      When the agent asks for a client certificate
      Then settings with a certificate are offered

    @implied @csr.creates-certificate.key @csr.offer-cert-field
    Scenario: The certificate is for the agent's key
      Given the agent has received a client certificate
      Then the certificate is for the agent's key

    @implied @csr.creates-certificate.again
    Scenario: An agent that has a certificate can ask for one for another key
      Given the agent has received a client certificate
      When the agent asks for a client certificate
      Then the certificate is for the agent's key

    @implied @csr.creates-certificate.rsa
    Scenario: The certificate for a key of RSA is for that key
      Given the agent has received a client certificate for a key of RSA
      Then the certificate is for the agent's key

    @implied @csr.offer-no-private-key
    Scenario: The certificate comes without a private key
      Given the agent has received a client certificate
      Then the certificate comes without a private key

    @implied @csr.offer-no-private-key.again
    Scenario: Another certificate comes without a private key, too
      Given the agent has received a client certificate
      When the agent asks for a client certificate
      Then the certificate comes without a private key

    @implied @csr.offer-ca-cert.again
    Scenario: Another certificate comes with the certificate of its authority, too
      Given the agent has received a client certificate
      When the agent asks for a client certificate
      Then the certificate comes with the certificate of its authority

    @implied @certificate.issued-by-recognized-ca.again
    Scenario: The authority has signed another certificate, too
      Given the agent has received a client certificate
      When the agent asks for a client certificate
      Then the authority has signed the certificate
      And the certificate is valid now

    @implied @csr.offer-ca-cert
    Scenario: The certificate comes with the certificate of its authority
      Given the agent has received a client certificate
      Then the certificate comes with the certificate of its authority

    @implied @certificate.issued-by-recognized-ca
    Scenario: The authority has signed the certificate
      Given the agent has received a client certificate
      Then the authority has signed the certificate

    @implied @certificate.issued-by-recognized-ca.valid
    Scenario: The certificate is valid as soon as the agent has it
      Given the agent has received a client certificate
      Then the certificate is valid now

    @implied @csr.opamp-only
    Scenario: The certificate is for the OpAMP connection only
      Given the agent has received a client certificate
      Then only settings for OpAMP are offered

    @implied @csr.uid-change-server-ready
    Scenario: An agent with a new instance_uid can ask for another certificate
      Given the agent has received a client certificate
      And the agent has asked for a new instance_uid and adopted it
      When the agent asks for a client certificate
      Then settings with a certificate are offered

  Rule: An invalid request is refused

    @MUST @csr.failure-bad-request.garbage
    Scenario: The refusal of bytes that are not a request is a BadRequest
      When the agent asks for a client certificate with bytes that are not a request
      Then the refusal is a BadRequest

    @MUST @csr.failure-bad-request.known-agent
    Scenario: The refusal of a known agent's request is a BadRequest, too
      Given the agent has reported its full status
      When the agent asks for a client certificate with bytes that are not a request
      Then the refusal is a BadRequest

    @MUST @csr.uid-must-match
    Scenario: A request that names another agent is not granted
      When the agent asks for a client certificate with a request that names another agent
      Then no certificate is issued

    @MUST @csr.uid-must-match.again
    Scenario: A second request of an agent that names another one is not granted
      Given the agent has received a client certificate
      When the agent asks for a client certificate with a request that names another agent
      Then no certificate is issued

    @MUST @csr.uid-must-match.other-field
    Scenario Outline: No certificate names another agent because the request does so in <field>
      Given another unknown agent
      When the agent asks for a client certificate with a request that has the other agent's instance_uid in <field>
      Then no certificate that names the other agent is issued

      Examples:
        | field                     |
        | a part of the common name |
        | the organizational unit   |
        | the serial number         |
        | the alternative name      |

    @MUST @csr.failure-bad-request.forged
    Scenario: The refusal of a forged request is a BadRequest
      When the agent asks for a client certificate with a forged request
      Then the refusal is a BadRequest

    @SHOULD @csr.server-validates
    Scenario: A forged request is not granted
      When the agent asks for a client certificate with a forged request
      Then no certificate is issued

    @implied @csr.empty-request
    Scenario: An empty request is answered without settings
      When the agent sends an empty request for connection settings
      Then the server answers without an error
      And no settings are offered in return
